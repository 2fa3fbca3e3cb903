"""The table of refusals itself."""

from __future__ import annotations

import pytest

from localaws.ec2 import refusals
from localaws.rules import Rule

RULES = {name: rule for name, rule in vars(refusals).items() if isinstance(rule, Rule)}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_refusal_names_its_source_and_is_a_client_error(rule: Rule) -> None:
    assert rule.source.strip()
    assert 400 <= rule.status < 500
