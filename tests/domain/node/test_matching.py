"""Which network interface is which promised one."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node.config import NodeGroup, NodeInterface
from domain.node.errors import InterfaceAmbiguous
from domain.node.matching import match, misfit, primary
from domain.node.model import Eni, Instance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIMARY_MAC = "02:00:00:00:00:00"


def eni(number: int, index: int, subnet: str = "subnet-m", **changed: Any) -> Eni:  # noqa: ANN401
    return dataclasses.replace(
        Eni(
            mac=f"02:00:00:00:00:{number:02x}",
            eni_id=f"eni-{number}",
            device_index=index,
            network_card_index=0,
            subnet_id=subnet,
            security_group_ids=("sg-m",),
            ipv4_subnet=IPv4Network("10.0.0.0/16"),
            ipv4_addresses=(IPv4Address(f"10.0.0.{number + 10}"),),
            ipv6_subnets=(),
            ipv6_addresses=(),
        ),
        **changed,
    )


OWN = eni(0, 0, "subnet-node", security_group_ids=("sg-node",))


def promise(name: str, index: int, **changed: Any) -> NodeInterface:  # noqa: ANN401
    whole = NodeInterface(
        name=name,
        link_name=f"mul-{name}",
        network_card_index=0,
        device_index=index,
        device_index_fixed=False,
        subnet_ids=("subnet-m",),
        security_group_ids=("sg-m",),
    )
    return dataclasses.replace(whole, **changed)


def instance(*enis: Eni, own: Eni = OWN) -> Instance:
    return Instance("i-1", "m5.large", "us-east-1a", "us-east-1", PRIMARY_MAC, (own, *enis))


def group(*promises: NodeInterface) -> NodeGroup:
    return NodeGroup("workers", "asg", promises)


def found(
    promises: Sequence[NodeInterface],
    enis: Sequence[Eni],
    claims: Mapping[str, str] | None = None,
    own: Eni = OWN,
) -> dict[str, str]:
    result = match(group(*promises), instance(*enis, own=own), claims or {})
    return {name: eni.eni_id for name, eni in result.found.items()}


TAGGED: dict[str, Any] = {"subnet_ids": (), "security_group_ids": ()}
CNI: dict[str, Any] = {"security_group_ids": ("sg-node",)}
"""What the VPC CNI attaches: the primary's subnet and security groups."""


@pytest.mark.parametrize(
    ("promises", "enis", "expected"),
    [
        pytest.param([promise("a", 1)], [eni(1, 1)], {"a": "eni-1"}, id="where it was promised"),
        pytest.param([promise("a", 1)], [eni(1, 4)], {"a": "eni-1"}, id="at another index"),
        pytest.param([promise("a", 1)], [], {}, id="nothing there"),
        pytest.param([promise("a", 1)], [eni(1, 1, "subnet-x")], {}, id="another subnet"),
        pytest.param(
            [promise("a", 1)], [eni(1, 1, network_card_index=1)], {}, id="another network card"
        ),
        pytest.param(
            [promise("a", 1)], [eni(1, 1, security_group_ids=("sg-x",))], {}, id="other groups"
        ),
        pytest.param(
            [promise("a", 1, security_group_ids=("sg-1", "sg-2"))],
            [eni(1, 1, security_group_ids=("sg-2", "sg-1"))],
            {"a": "eni-1"},
            id="groups in another order",
        ),
        pytest.param(
            [promise("a", 1, device_index_fixed=True)], [eni(1, 2)], {}, id="the very index"
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1, "subnet-node", **CNI), eni(2, 2)],
            {"a": "eni-2"},
            id="the VPC CNI took the index",
        ),
        pytest.param(
            [promise("a", 1, subnet_ids=("subnet-node",), security_group_ids=())],
            [eni(1, 1, "subnet-node", **CNI)],
            {},
            id="the node's subnet, groups by tag: could be the VPC CNI's",
        ),
        pytest.param(
            [promise("a", 1, subnet_ids=("subnet-node",), security_group_ids=("sg-node",))],
            [eni(1, 1, "subnet-node", **CNI)],
            {},
            id="the node's subnet and groups: could be the VPC CNI's",
        ),
        pytest.param(
            [promise("a", 1, subnet_ids=("subnet-node",))],
            [eni(1, 1, "subnet-node", **CNI), eni(2, 2, "subnet-node")],
            {"a": "eni-2"},
            id="the node's subnet, told by its groups",
        ),
        pytest.param([promise("a", 2, **TAGGED)], [eni(1, 2)], {"a": "eni-1"}, id="by tag"),
        pytest.param([promise("a", 2, **TAGGED)], [eni(1, 3)], {}, id="by tag, another index"),
        pytest.param(
            [promise("a", 2, **TAGGED)],
            [eni(1, 2, "subnet-node", **CNI)],
            {},
            id="by tag, in the node's subnet",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2, subnet_ids=("subnet-n",))],
            [eni(1, 1, "subnet-n"), eni(2, 2, "subnet-m")],
            {"a": "eni-2", "b": "eni-1"},
            id="subnets tell more than indexes",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2, security_group_ids=("sg-n",))],
            [eni(1, 1, security_group_ids=("sg-n",)), eni(2, 2)],
            {"a": "eni-2", "b": "eni-1"},
            id="groups tell more than indexes",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2)],
            [eni(1, 3), eni(2, 2)],
            {"a": "eni-1", "b": "eni-2"},
            id="one of two equal ones moved",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2)],
            [eni(1, 4), eni(2, 3)],
            {"a": "eni-2", "b": "eni-1"},
            id="both of two equal ones moved: indexes rise in the configuration's order",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2)],
            [eni(1, 3)],
            {},
            id="one of two moved, one not there",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 2)],
            [eni(1, 2)],
            {"b": "eni-1"},
            id="the second of two equal ones first",
        ),
        pytest.param(
            [
                promise("a", 1, subnet_ids=("subnet-m", "subnet-n")),
                promise("b", 2, subnet_ids=("subnet-n",)),
            ],
            [eni(1, 3, "subnet-n"), eni(2, 4, "subnet-m")],
            {"a": "eni-2", "b": "eni-1"},
            id="only one assignment has both",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 1, network_card_index=1)],
            [eni(1, 1), eni(2, 1, network_card_index=1)],
            {"a": "eni-1", "b": "eni-2"},
            id="the same index on two network cards",
        ),
        pytest.param(
            [promise("a", 1), promise("b", 1)],
            [eni(1, 1), eni(2, 2)],
            {"a": "eni-1", "b": "eni-2"},
            id="an index that two promises share decides nothing alone",
        ),
    ],
)
def test_a_network_interface_is_told_by_card_subnet_groups_and_index(
    promises: list[NodeInterface], enis: list[Eni], expected: dict[str, str]
) -> None:
    assert found(promises, enis) == expected


@pytest.mark.parametrize(
    "own",
    [OWN, eni(7, 0)],
    ids=["by its MAC address", "by its place, should the MAC address be another's"],
)
def test_the_primary_fits_nothing(own: Eni) -> None:
    anything = promise("a", 0, subnet_ids=(), security_group_ids=())

    assert misfit(anything, own, OWN) == "it is the primary one"


def test_what_is_neither_found_nor_the_primary_is_foreign() -> None:
    result = match(group(promise("a", 1)), instance(eni(1, 1), eni(2, 2, "subnet-x")), {})

    assert [eni.eni_id for eni in result.foreign] == ["eni-2"]
    assert result.missing == ()


def test_more_network_interfaces_than_promises_are_ambiguous_and_named() -> None:
    with pytest.raises(InterfaceAmbiguous) as caught:
        found([promise("a", 1)], [eni(1, 3), eni(2, 2)])

    assert caught.value.line() == (
        "interface-ambiguous: more than one network interface could be a (found:"
        " eni-2 (network card 0, device index 2, subnet-m), eni-1 (network card 0, device index 3, subnet-m))."
        " Give the interface security groups of its own, by id, or a fixed device_index; or detach what does not"
        " belong there."
    )


def test_nothing_is_told_while_the_primary_is_not_whole() -> None:
    late = dataclasses.replace(instance(eni(1, 1)), enis=(eni(1, 1),))
    promised = promise("a", 1)

    result = match(group(promised), late, {"eni-1": "a"})

    assert (result.found, result.missing, result.foreign) == ({}, (promised,), ())
    assert primary(late) is None
    assert misfit(promised, eni(1, 1), None) is not None


@pytest.mark.parametrize(
    ("promises", "enis", "claims", "expected"),
    [
        pytest.param(
            [promise("a", 1), promise("b", 2)],
            [eni(1, 1), eni(2, 2)],
            {"eni-1": "b", "eni-2": "a"},
            {"a": "eni-2", "b": "eni-1"},
            id="stays as it was found",
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1, security_group_ids=("sg-changed",))],
            {"eni-1": "a"},
            {"a": "eni-1"},
            id="with security groups that somebody changed",
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1, "subnet-x")],
            {"eni-1": "a"},
            {},
            id="not in another subnet",
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1, network_card_index=2)],
            {"eni-1": "a"},
            {},
            id="not on another card",
        ),
        pytest.param(
            [promise("a", 1)], [], {"eni-0": "a"}, {}, id="never the primary, whatever is claimed"
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1), eni(2, 2)],
            {"eni-1": "a", "eni-2": "a"},
            {"a": "eni-1"},
            id="two claims to one interface are none",
        ),
        pytest.param(
            [promise("a", 1)], [eni(1, 1)], {"eni-9": "a"}, {"a": "eni-1"}, id="of one that is gone"
        ),
        pytest.param(
            [promise("a", 1)],
            [eni(1, 1)],
            {"eni-1": "z"},
            {"a": "eni-1"},
            id="to a name that is gone",
        ),
    ],
)
def test_what_an_earlier_run_found_stays(
    promises: list[NodeInterface],
    enis: list[Eni],
    claims: dict[str, str],
    expected: dict[str, str],
) -> None:
    assert found(promises, enis, claims) == expected


_SUBNETS = ("subnet-m", "subnet-n", "subnet-node")
_GROUPS = (("sg-m",), ("sg-n",), ("sg-node",))


@st.composite
def _promises(draw: st.DrawFn) -> tuple[NodeInterface, ...]:
    places = draw(
        st.lists(
            st.tuples(st.integers(0, 1), st.integers(1, 5)), min_size=1, max_size=4, unique=True
        )
    )
    return tuple(
        promise(
            f"n{number}",
            index,
            network_card_index=card,
            device_index_fixed=draw(st.booleans()),
            subnet_ids=tuple(draw(st.sets(st.sampled_from(_SUBNETS)))),
            security_group_ids=draw(st.sampled_from((*_GROUPS, ()))),
        )
        for number, (card, index) in enumerate(places)
    )


@st.composite
def _enis(draw: st.DrawFn) -> tuple[Eni, ...]:
    places = draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(1, 6)), max_size=6, unique=True)
    )
    return tuple(
        eni(
            number,
            index,
            draw(st.sampled_from(_SUBNETS)),
            network_card_index=card,
            security_group_ids=draw(st.sampled_from(_GROUPS)),
        )
        for number, (card, index) in enumerate(places, start=1)
    )


_CLAIMS = st.dictionaries(
    st.sampled_from([f"eni-{n}" for n in range(7)]), st.sampled_from(["n0", "n1", "n2", "n3"])
)


def _outcome(
    promises: tuple[NodeInterface, ...], enis: Sequence[Eni], claims: Mapping[str, str]
) -> dict[str, str] | str:
    try:
        return found(promises, enis, claims)
    except InterfaceAmbiguous as ambiguous:
        return ambiguous.line()


@given(_promises(), _enis(), _CLAIMS)
def test_never_the_primary_and_never_two_for_one(
    promises: tuple[NodeInterface, ...], enis: tuple[Eni, ...], claims: dict[str, str]
) -> None:
    try:
        result = match(group(*promises), instance(*enis), claims)
    except InterfaceAmbiguous:
        return

    ids = [eni.eni_id for eni in result.found.values()]
    assert "eni-0" not in ids
    assert len(set(ids)) == len(ids)
    assert {i.name for i in result.missing} | set(result.found) == {i.name for i in promises}
    assert sorted([*ids, *(eni.eni_id for eni in result.foreign)]) == sorted(
        eni.eni_id for eni in enis
    )


@given(_promises(), _enis(), _CLAIMS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_told_does_not_matter(
    promises: tuple[NodeInterface, ...],
    enis: tuple[Eni, ...],
    claims: dict[str, str],
    random: Any,  # noqa: ANN401 - random.Random, as hypothesis gives it
) -> None:
    shuffled, reordered = list(enis), list(claims.items())
    random.shuffle(shuffled)
    random.shuffle(reordered)

    assert _outcome(promises, shuffled, dict(reordered)) == _outcome(promises, enis, claims)


@given(_promises(), _enis(), _CLAIMS)
def test_network_interfaces_that_fit_nothing_change_nothing(
    promises: tuple[NodeInterface, ...], enis: tuple[Eni, ...], claims: dict[str, str]
) -> None:
    fitting = [
        eni
        for eni in enis
        if claims.get(eni.eni_id) in {i.name for i in promises}
        or any(misfit(i, eni, OWN) is None for i in promises)
    ]

    assert _outcome(promises, enis, claims) == _outcome(promises, fitting, claims)


@given(_promises(), _enis())
def test_what_the_vpc_cni_attaches_is_never_taken(
    promises: tuple[NodeInterface, ...], enis: tuple[Eni, ...]
) -> None:
    try:
        result = match(group(*promises), instance(*enis), {})
    except InterfaceAmbiguous:
        return

    for taken in result.found.values():
        assert (taken.subnet_id, taken.security_group_ids) != ("subnet-node", ("sg-node",))


@given(_promises(), _enis())
def test_what_was_found_is_found_again_with_its_claims(
    promises: tuple[NodeInterface, ...], enis: tuple[Eni, ...]
) -> None:
    try:
        first = found(promises, enis)
    except InterfaceAmbiguous:
        return

    assert found(promises, enis, {eni_id: name for name, eni_id in first.items()}) == first


def test_as_many_equal_interfaces_as_an_instance_takes_are_told_apart_at_once() -> None:
    promises = [promise(f"n{n}", n) for n in range(1, 15)]

    told = found(promises, [eni(n, 20 + n) for n in range(1, 15)])

    assert told == {f"n{n}": f"eni-{n}" for n in range(1, 15)}
