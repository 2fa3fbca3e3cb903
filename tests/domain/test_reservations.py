"""Which ranges the stack keeps, whose reservation is whose, and which must not go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from domain import tags
from domain.config import SubnetSelector
from domain.errors import RangeInUse, RangeTaken, SpecRejected
from domain.model import EniId, SubnetId
from domain.reservations import (
    NAMED_USERS,
    AddressHolder,
    CidrReservation,
    PodRange,
    ReservationId,
    SubnetCidrs,
    from_physical_id,
    physical_id,
    pod_ranges,
    present,
    releasable,
    reservation_tags,
    subnet_of,
)
from tests.fakes.builders import OWNER, Builders

if TYPE_CHECKING:
    from collections.abc import Sequence

A, B = SubnetId("subnet-a"), SubnetId("subnet-b")
CIDR = "10.0.1.128/25"


def reserved(
    cidr: str = CIDR, owner: str | None = OWNER, kind: str = "explicit"
) -> CidrReservation:
    marks = {tags.OWNER: owner} if owner else {}
    return CidrReservation(ReservationId(f"scr-{cidr}"), A, ip_network(cidr), kind, marks)


def subnet(subnet_id: SubnetId, *cidrs: str) -> SubnetCidrs:
    return SubnetCidrs(subnet_id, tuple(map(ip_network, cidrs)))


def test_a_range_that_several_interfaces_name_is_one_in_all_of_their_subnets() -> None:
    build = Builders()
    both = build.spec("n1", 1, pod_ranges=(CIDR, "2001:DB8:0:0::/66"), reserve_pod_ranges=True)
    one = replace(both, subnets=SubnetSelector(ids=(A,)), pod_ranges=(CIDR,))
    other = replace(both, name="n2", subnets=SubnetSelector(by_zone={"us-east-1a": B}))
    config = build.config([one, other])
    assert pod_ranges(config) == (
        PodRange(CIDR, (A, B)),
        PodRange("2001:db8::/66", (B,)),
    )


def test_a_range_that_is_not_to_be_reserved_is_none_of_the_stacks() -> None:
    build = Builders()
    assert pod_ranges(build.config([build.from_start("n1", 1, pod_ranges=(CIDR,))])) == ()


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        pytest.param("10.0.1.128/25", A, id="a part"),
        pytest.param("10.0.1.0/24", A, id="all of it"),
        pytest.param("2001:db8:0:2:8000::/65", B, id="IPv6"),
    ],
)
def test_a_range_is_in_the_subnet_that_has_it(cidr: str, expected: SubnetId) -> None:
    known = [subnet(A, "10.0.1.0/24"), subnet(B, "10.0.2.0/24", "2001:db8:0:2::/64")]
    assert subnet_of(PodRange(cidr, (A, B)), known) == expected


@pytest.mark.parametrize(
    ("cidr", "subnets", "words"),
    [
        pytest.param(
            "10.0.0.0/23",
            [subnet(A, "10.0.1.0/24")],
            "10.0.0.0/23 is in none of its subnets: subnet-a (10.0.1.0/24); not there: subnet-b",
            id="larger than the subnet",
        ),
        pytest.param(
            CIDR,
            [],
            f"{CIDR} is in none of its subnets; not there: subnet-a, subnet-b",
            id="in subnets that are not there",
        ),
        pytest.param(
            CIDR,
            [subnet(A, "10.0.1.0/24"), subnet(B, "10.0.0.0/16")],
            "is in several subnets (subnet-a, subnet-b), of several VPCs",
            id="in two VPCs",
        ),
        pytest.param(
            "2001:db8::/65", [subnet(A, "10.0.1.0/24")], "is in none of its subnets", id="a family"
        ),
    ],
)
def test_a_range_that_is_not_in_exactly_one_subnet_is_refused(
    cidr: str, subnets: Sequence[SubnetCidrs], words: str
) -> None:
    with pytest.raises(SpecRejected) as refused:
        subnet_of(PodRange(cidr, (A, B)), subnets)
    assert words in str(refused.value)
    assert refused.value.details["remedy"]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        pytest.param([], None, id="nothing there"),
        pytest.param([reserved()], "scr-10.0.1.128/25", id="ours, by an earlier run"),
        pytest.param([reserved("10.0.1.0/26", None)], None, id="another range of somebody's"),
        pytest.param([reserved("2001:db8::/65", None)], None, id="another family"),
    ],
)
def test_what_is_there_already_is_taken_over(
    known: list[CidrReservation], found: str | None
) -> None:
    present_one = present(CIDR, OWNER, known)
    assert (present_one.reservation_id if present_one else None) == found


@pytest.mark.parametrize(
    ("known", "words"),
    [
        pytest.param(reserved(owner=None), "by somebody else", id="the same, of nobody's"),
        pytest.param(reserved(owner="MultusEni-b"), "by somebody else", id="another stack's"),
        pytest.param(reserved("10.0.1.0/24", None), "overlaps 10.0.1.0/24", id="a larger one"),
        pytest.param(reserved("10.0.1.192/28", None), "overlaps 10.0.1.192/28", id="a part"),
        pytest.param(reserved(kind="prefix"), "by this stack itself", id="ours of another type"),
        pytest.param(reserved("10.0.1.192/28"), "by this stack itself", id="ours, a part"),
    ],
)
def test_what_is_in_the_way_is_named_with_a_remedy(known: CidrReservation, words: str) -> None:
    with pytest.raises(RangeTaken) as refused:
        present(CIDR, OWNER, [known])
    assert words in str(refused.value)
    assert known.reservation_id in str(refused.value)
    assert refused.value.details["remedy"]


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("10.0.1.5", "10.0.1.200"), id="a secondary address"),
        pytest.param(("10.0.1.128",), id="the first"),
        pytest.param(("10.0.1.255",), id="the last"),
        pytest.param(("10.0.1.144/28",), id="a prefix"),
    ],
)
def test_a_reservation_with_addresses_in_use_is_not_to_go(addresses: tuple[str, ...]) -> None:
    with pytest.raises(RangeInUse, match="eni-1"):
        releasable(CIDR, OWNER, [reserved()], [AddressHolder(EniId("eni-1"), addresses)])


def test_those_who_use_a_range_are_named_as_far_as_a_person_reads() -> None:
    holders = [AddressHolder(EniId(f"eni-{n}"), (f"10.0.1.{130 + n}",)) for n in range(8)]
    with pytest.raises(RangeInUse) as refused:
        releasable(CIDR, OWNER, [reserved()], holders)
    named = [each for each in holders if each.eni_id in str(refused.value)]
    assert len(named) == NAMED_USERS
    assert "and 3 more network interfaces; scr-10.0.1.128/25 is kept" in str(refused.value)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param([], id="gone already"),
        pytest.param([reserved(owner=None)], id="of nobody's"),
        pytest.param([reserved(owner="MultusEni-b")], id="another stack's"),
        pytest.param([reserved("10.0.1.0/24")], id="another range of ours"),
        pytest.param([reserved(kind="prefix")], id="of another type"),
    ],
)
def test_what_is_not_ours_is_left_alone_whoever_uses_it(known: list[CidrReservation]) -> None:
    holders = [AddressHolder(EniId("eni-1"), ("10.0.1.200",))]
    assert releasable(CIDR, OWNER, known, holders) is None


def test_a_reservation_whose_addresses_nobody_has_is_to_go() -> None:
    holders = [AddressHolder(EniId("eni-1"), ("10.0.1.127", "2001:db8::1"))]
    assert releasable(CIDR, OWNER, [reserved()], holders) == reserved()


def test_the_tags_make_it_ours() -> None:
    assert replace(reserved(owner=None), tags=reservation_tags(OWNER, CIDR)).is_of(OWNER)


@pytest.mark.parametrize("cidr", [CIDR, "2001:db8::/65"])
def test_a_physical_id_names_subnet_and_range(cidr: str) -> None:
    assert from_physical_id(physical_id(A, cidr)) == PodRange(cidr, (A,))


@pytest.mark.parametrize(
    "text", ["nothing-made", "subnet-a", "subnet-a/", "subnet-a/x", "stack-Logical-1A2B"]
)
def test_other_ids_name_nothing(text: str) -> None:
    assert from_physical_id(text) is None
