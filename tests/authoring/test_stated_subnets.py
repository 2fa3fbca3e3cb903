"""What interfaces say of their subnets' CIDR blocks, and what follows for a range."""

from __future__ import annotations

import pytest

from authoring.models import Interface
from authoring.stated_subnets import StatedSubnets

A, B = "subnet-0000000a", "subnet-0000000b"
X, Y, X6 = "10.0.48.0/22", "10.0.52.0/22", "2001:db8:48::/64"
IN_X, IN_X6 = "10.0.49.0/24", "2001:db8:48::1:0/112"

Said = list[tuple[list[str], list[str]]]


def stated(said: Said) -> StatedSubnets:
    return StatedSubnets(
        Interface.model_validate(
            {
                "name": "n3",
                "subnets": subnets,
                "security_groups": ["sg-0000000a"],
                "pod_subnets": blocks,
            }
        )
        for subnets, blocks in said
    )


MAY_HAVE: dict[str, tuple[Said, str, bool]] = {
    "nothing is said": ([([A], [])], IN_X, True),
    "its block": ([([A], [X])], IN_X, True),
    "another block": ([([A], [Y])], IN_X, False),
    "a block of the other family": ([([A], [X6])], IN_X, True),
    "another block, of IPv6": ([([A], [X6])], "2001:db8:49::/112", False),
    "one of two blocks": ([([A, B], [X, Y])], IN_X, True),
    "neither of two blocks": ([([A, B], [X, Y])], "192.168.7.0/24", False),
    "one block for two subnets": ([([A, B], [Y])], IN_X, True),
    "two blocks, and which one by another": ([([A, B], [X, Y]), ([A], [Y])], IN_X, False),
    "two blocks that disagree": ([([A], [X]), ([A], [Y])], "192.168.7.0/24", True),
    "two blocks that disagree, and a third": (
        [([A], [X]), ([A], [Y]), ([A], [Y])], "192.168.7.0/24", True
    ),
    "a sibling's block": ([([B], [X])], IN_X, False),
    "a sibling's block in part": ([([B], [X])], "10.0.0.0/16", True),
    "a block that the sibling is said to have too": ([([A], [X]), ([B], [X])], IN_X, True),
}  # fmt: skip


@pytest.mark.parametrize(("said", "text", "expected"), MAY_HAVE.values(), ids=MAY_HAVE)
def test_a_subnet_may_have_a_range_unless_its_block_is_known_to_be_another(
    said: Said, text: str, *, expected: bool
) -> None:
    assert stated(said).may_have(A, text, {A, B}) is expected


ALL_OF: dict[str, tuple[Said, str, bool]] = {
    "the block": ([([A], [X])], X, True),
    "a part": ([([A], [X])], IN_X, False),
    "more than the block": ([([A], [X])], "10.0.0.0/16", True),
    "IPv4 of which nothing is said": ([], X, False),
    "a /64 of which nothing is said": ([], X6, True),
    "a part of a /64 of which nothing is said": ([], IN_X6, False),
    "a /64 of a larger block": ([([A], ["2001:db8:48::/60"])], X6, False),
}


@pytest.mark.parametrize(("said", "text", "expected"), ALL_OF.values(), ids=ALL_OF)
def test_a_range_may_be_all_of_a_subnet(said: Said, text: str, *, expected: bool) -> None:
    assert stated(said).may_be_all_of(A, text) is expected
