"""The functions' environment: written by the stack, read by the functions, faults named all at once."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environment import PREFIX, FunctionEnvironment, from_environ
from domain.errors import EnvironmentInvalid

WRITTEN = FunctionEnvironment(
    owner="MultusEni-example",
    launch_hook="MultusEni-example-launch",
    terminate_hook="MultusEni-example-terminate",
    heartbeat_timeout_s=600,
    launch_queue_url="https://sqs/launch",
    terminate_queue_url="https://sqs/terminate",
    orphan_min_age_s=900,
    max_deletions=50,
    max_adoptions=50,
    dry_run=False,
)
VARIABLES = [PREFIX + field.name.upper() for field in fields(FunctionEnvironment)]


@given(st.from_type(FunctionEnvironment))
def test_what_the_stack_writes_is_what_the_function_reads(environment: FunctionEnvironment) -> None:
    assert from_environ(environment.to_environ()) == environment


def test_there_is_one_variable_per_field() -> None:
    assert sorted(WRITTEN.to_environ()) == sorted(VARIABLES)


def test_an_empty_environment_names_every_variable_in_one_line() -> None:
    with pytest.raises(EnvironmentInvalid) as caught:
        from_environ({})
    assert all(f"{variable} is not set" in str(caught.value) for variable in VARIABLES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        pytest.param("MAX_DELETIONS", "many", "is not a whole number", id="a word for a number"),
        pytest.param("MAX_DELETIONS", "", "is not a whole number", id="nothing for a number"),
        pytest.param("DRY_RUN", "True", "is not true or false", id="Python's spelling"),
        pytest.param("DRY_RUN", "1", "is not true or false", id="a number for a switch"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(
    variable: str, text: str, expected: str
) -> None:
    environ = {**WRITTEN.to_environ(), PREFIX + variable: text}
    with pytest.raises(EnvironmentInvalid, match=expected) as caught:
        from_environ(environ)
    assert f"{PREFIX}{variable}={text!r}" in str(caught.value)
