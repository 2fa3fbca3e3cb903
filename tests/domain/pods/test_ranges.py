"""Which addresses of a range pods can have."""

from __future__ import annotations

import pytest

from domain.pods.ranges import PodRange, pod_range, prefix_lengths, router

PARTS = {
    "the middle of the subnet": ("10.0.49.0/24", ["10.0.48.0/22"], "10.0.49.0", "10.0.49.255"),
    "its beginning": ("10.0.48.0/25", ["10.0.48.0/24"], "10.0.48.4", "10.0.48.127"),
    "its end": ("10.0.48.128/25", ["10.0.48.0/24"], "10.0.48.128", "10.0.48.254"),
    "all of it": ("10.0.48.0/24", ["10.0.48.0/24"], "10.0.48.4", "10.0.48.254"),
    "one address": ("10.0.48.4/32", ["10.0.48.0/24"], "10.0.48.4", "10.0.48.4"),
    "the second of two subnets": ("10.0.52.64/26", ["10.0.48.0/24", "10.0.52.0/24"], "10.0.52.64", "10.0.52.127"),
    "IPv6": ("fd00::/112", ["10.0.48.0/24", "fd00::/64"], "fd00::4", "fd00::ffff"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "subnets", "first", "last"), PARTS.values(), ids=PARTS)
def test_pods_have_what_aws_does_not_keep(
    text: str, subnets: list[str], first: str, last: str
) -> None:
    found = pod_range(text, subnets)
    assert (found.first, found.last) == (first, last)
    assert found.network in subnets


LENGTHS: dict[str, tuple[list[str], dict[int, int]]] = {
    "none": ([], {}),
    "a subnet of each family": (["fd00::/80", "10.0.48.0/22"], {4: 22, 6: 80}),
    "the first of several": (["10.0.48.0/22", "10.0.64.0/20"], {4: 22}),
}


@pytest.mark.parametrize(("subnets", "expected"), LENGTHS.values(), ids=LENGTHS)
def test_an_address_has_the_prefix_length_of_its_familys_subnet(
    subnets: list[str], expected: dict[int, int]
) -> None:
    assert prefix_lengths(subnets) == expected


@pytest.mark.parametrize("subnets", [[], ["10.1.0.0/16"], ["fd00::/64"]], ids=str)
def test_a_range_of_no_known_subnet_is_a_network_of_its_own(subnets: list[str]) -> None:
    assert pod_range("10.0.48.0/24", subnets) == PodRange("10.0.48.0/24", None, None)


ROUTERS = {
    "of one IPv4 subnet": ("10.20.0.0/16", ["10.0.48.0/22", "fd00::/64"], "10.0.48.1"),
    "of two": ("10.20.0.0/16", ["10.0.48.0/24", "10.0.49.0/24"], None),
    "of none": ("0.0.0.0/0", ["fd00::/64"], None),
    "of IPv6": ("fd00:1::/64", [], "fe80:ec2::1"),
}


@pytest.mark.parametrize(("destination", "subnets", "expected"), ROUTERS.values(), ids=ROUTERS)
def test_the_router_is_known_where_it_is_the_same_for_all(
    destination: str, subnets: list[str], expected: str | None
) -> None:
    assert router(destination, subnets) == expected
