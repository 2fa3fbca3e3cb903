"""What is observed: which states are final."""

from __future__ import annotations

import pytest

from domain.model import InstanceState


@pytest.mark.parametrize("state", InstanceState, ids=lambda state: state.value)
def test_only_an_instance_on_its_way_out_is_gone(state: InstanceState) -> None:
    assert state.is_gone == (state.value in {"shutting-down", "terminated"})
