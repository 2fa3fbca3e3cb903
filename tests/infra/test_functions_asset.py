"""The functions' asset, as it is deployed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from domain import naming
from domain.config import from_json
from localaws.functions.model import Function, Kind
from localaws.functions.processes import ProcessHost
from localaws.iam.principals import Principals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

EXPECTED = re.compile(
    r"config\.json"
    r"|domain/\w+\.py"
    r"|lambdas/(__init__|(aws|handlers|reconcile|runtime)/\w+)\.py"
    r"|aws_lambda_powertools/(\w+/)*\w+\.py"
    r"|jmespath/\w+\.py"
    r"|typing_extensions\.py"
)


def test_the_archive_holds_what_the_functions_need_and_nothing_else(
    archive: Mapping[str, bytes],
) -> None:
    assert [name for name in archive if not EXPECTED.fullmatch(name)] == []
    ours = [name for name in archive if name.startswith(("domain/", "lambdas/"))]
    assert [name for name in ours if "test" in name] == []


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "domain/environment.py",
        "lambdas/__init__.py",
        "aws_lambda_powertools/logging/logger.py",
        "aws_lambda_powertools/metrics/__init__.py",
        "jmespath/__init__.py",
        "typing_extensions.py",
        *(
            handler.rpartition(".")[0].replace(".", "/") + ".py"
            for handler in (
                naming.LAUNCH_HANDLER,
                naming.TERMINATE_HANDLER,
                naming.RECONCILE_HANDLER,
                naming.RESERVE_HANDLER,
            )
        ),
    ],
)
def test_the_archive_holds(archive: Mapping[str, bytes], name: str) -> None:
    assert archive[name]


def test_the_handlers_read_the_configuration_that_the_stack_was_made_from(
    fleet: Synthesized, archive: Mapping[str, bytes]
) -> None:
    assert from_json(archive[naming.CONFIG_FILE].decode()) == fleet.config


def test_all_functions_share_one_asset(fleet: Synthesized) -> None:
    keys = {
        function["Code"]["S3Key"] for function in fleet.of_type("AWS::Lambda::Function").values()
    }
    assert len(keys) == 1


def test_synthesizing_again_gives_the_same_template_and_the_same_asset(
    fleet: Synthesized, synthesize_again: Callable[[str], Synthesized]
) -> None:
    again = synthesize_again("fleet")
    assert again.text == fleet.text
    assert again.asset.digest == fleet.asset.digest
    assert again.asset.archive.read_bytes() == fleet.asset.archive.read_bytes()


@pytest.mark.subprocesses("node", "python")
@pytest.mark.parametrize(
    "handler",
    [
        naming.LAUNCH_HANDLER,
        naming.TERMINATE_HANDLER,
        naming.RECONCILE_HANDLER,
        naming.RESERVE_HANDLER,
    ],
)
def test_a_function_without_a_variable_fails_with_one_line_in_its_log_that_names_it(
    fleet: Synthesized, handler: str
) -> None:
    (declared,) = [
        function["Environment"]["Variables"]
        for function in fleet.of_type("AWS::Lambda::Function").values()
        if function["Handler"] == handler
    ]
    environment = {name: str(value) for name, value in declared.items()}
    del environment["MULTUS_ENI_OWNER"]
    host = ProcessHost(Principals().issue)
    try:
        result = host.invoke(_deployed(fleet, handler, environment), b'{"Records": []}', "r-1")
    finally:
        host.close()

    assert result.kind is Kind.ERROR
    assert json.loads(result.payload)["errorType"] == "EnvironmentInvalid"
    record = json.loads(result.log_lines[0])
    assert record["level"] == "ERROR"
    assert record["message"] == "the function cannot start"
    assert record["error_code"] == "environment-invalid"
    assert "MULTUS_ENI_OWNER is not set" in record["error"]


def _deployed(stack: Synthesized, handler: str, environment: Mapping[str, str]) -> Function:
    return Function(
        name="probe",
        arn="arn:aws:lambda:us-east-1:123456789012:function:probe",
        region="us-east-1",
        role_arn="arn:aws:iam::123456789012:role/probe",
        handler=handler,
        runtime="python3.14",
        timeout_s=60,
        memory_mb=512,
        environment=environment,
        code=stack.asset.archive.read_bytes(),
        layers=(),
        log_group="/aws/lambda/probe",
    )
