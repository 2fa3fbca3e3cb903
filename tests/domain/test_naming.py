"""Names that two sides agree on, and tokens that make a repeated create harmless."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import naming
from domain.model import InstanceId

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ids = st.text(alphabet="0123456789abcdef", min_size=1, max_size=17).map(
    lambda h: InstanceId(f"i-{h}")
)
token_inputs = st.tuples(
    ids,
    st.integers(0, 5).map(lambda seconds: MOMENT + timedelta(seconds=seconds)),
    st.text(alphabet="abn-3", min_size=1, max_size=5),
    st.none() | st.integers(4, 9).map(lambda host: f"10.0.0.{host}"),
    st.integers(0, 3),
)


@given(token_inputs)
def test_a_token_is_what_ec2_takes(
    inputs: tuple[InstanceId, datetime, str, str | None, int],
) -> None:
    token = naming.client_token(*inputs)
    assert 0 < len(token) <= 64
    assert token.isascii()


@given(token_inputs, token_inputs)
def test_two_tokens_are_equal_exactly_when_what_they_are_made_of_is(
    first: tuple[InstanceId, datetime, str, str | None, int],
    second: tuple[InstanceId, datetime, str, str | None, int],
) -> None:
    assert (naming.client_token(*first) == naming.client_token(*second)) == (first == second)


def test_one_changed_part_is_another_token() -> None:
    base = (InstanceId("i-1"), MOMENT, "n3", None, 0)
    others = [
        (InstanceId("i-2"), MOMENT, "n3", None, 0),
        (InstanceId("i-1"), MOMENT + timedelta(seconds=1), "n3", None, 0),
        (InstanceId("i-1"), MOMENT, "n4", None, 0),
        (InstanceId("i-1"), MOMENT, "n3", "10.0.0.4", 0),
        (InstanceId("i-1"), MOMENT, "n3", None, 1),
    ]
    assert len({naming.client_token(*each) for each in [base, *others]}) == 6


def test_a_description_is_not_one_that_the_vpc_cnis_cleaner_selects() -> None:
    description = naming.description("aws-K8S-x", InstanceId("i-1"))
    assert not description.startswith("aws-K8S-")
    assert "i-1" in description


def test_two_stacks_share_no_name() -> None:
    def names(name: str) -> set[str]:
        owner = naming.owner(name)
        return {
            owner,
            naming.launch_hook(owner),
            naming.terminate_hook(owner),
            naming.ready_hook(owner),
            naming.parameter(owner, "launch-hook"),
        }

    assert len(names("blue")) == 5
    assert not names("blue") & names("green")


@pytest.mark.parametrize(
    "path", [naming.LAUNCH_HANDLER, naming.TERMINATE_HANDLER, naming.RECONCILE_HANDLER]
)
def test_a_handler_is_where_its_name_says(path: str) -> None:
    module, _, function = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


def test_a_created_groups_stack_is_no_configurations_nor_one_of_its_groups() -> None:
    a, a_b = naming.owner("a"), naming.owner("a-b")
    assert naming.created_group(a, "b") not in {a_b, naming.created_group(a_b, "b")}
    assert naming.created_group(a, "b-c") != naming.created_group(a_b, "c")


def test_a_created_group_and_a_launch_hook_tell_whose_they_are() -> None:
    owner = naming.owner("a-b")
    assert naming.creator_of(naming.created_group(owner, "b-c")) == owner
    assert naming.launch_hook_owner(naming.launch_hook(owner)) == owner


@pytest.mark.parametrize("name", ["workers", "MultusEni-a", "eks-Nodes-b", ""])
def test_a_name_of_another_kind_tells_nobody(name: str) -> None:
    assert naming.creator_of(name) is None
    assert naming.launch_hook_owner(name) is None


@pytest.mark.parametrize("hook", ["MultusEni-a-ready", "nth-launch"])
def test_another_hook_tells_nobody(hook: str) -> None:
    assert naming.launch_hook_owner(hook) is None
