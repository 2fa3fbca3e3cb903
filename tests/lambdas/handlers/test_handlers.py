"""Handlers stay thin, and start nothing when they are imported."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from domain.errors import EnvironmentInvalid
from lambdas.handlers import launch, reconcile, reserve, terminate
from lambdas.runtime import wiring

HANDLERS = [launch, reconcile, reserve, terminate]
MOST_STATEMENTS = 12


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda module: module.__name__)
def test_a_function_in_a_handler_is_a_few_statements_without_a_branch(handler: object) -> None:
    tree = ast.parse(Path(str(getattr(handler, "__file__", ""))).read_text())
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        assert len(function.body) <= MOST_STATEMENTS, function.name
        loops = [n for n in ast.walk(function) if isinstance(n, ast.For | ast.While | ast.Try)]
        assert loops == [], function.name


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda module: module.__name__)
def test_a_handler_without_its_environment_says_so_at_its_first_event_and_not_before(
    handler: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMBDA_TASK_ROOT", raising=False)
    wiring.runtime.cache_clear()
    module = importlib.import_module(str(getattr(handler, "__name__", "")))
    with pytest.raises(EnvironmentInvalid, match="MULTUS_ENI_OWNER is not set"):
        module.lambda_handler({"Records": []}, None)
