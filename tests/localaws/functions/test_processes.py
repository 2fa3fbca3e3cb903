"""The deployed archive under the runtime interface client."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from localaws.functions.model import Kind
from localaws.functions.processes import ProcessHost
from localaws.iam.principals import Principals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.functions.model import Function
    from localaws.iam.principals import Credentials

    Make = Callable[..., Function]

pytestmark = [pytest.mark.localaws, pytest.mark.subprocesses("python")]


@pytest.fixture
def principals() -> Principals:
    return Principals()


@pytest.fixture
def host(principals: Principals) -> Iterator[ProcessHost]:
    host = ProcessHost(principals.issue)
    yield host
    host.close()


def test_a_function_runs_in_its_declared_surroundings(
    host: ProcessHost, principals: Principals, function_of: Make
) -> None:
    source = """
import os, sys, boto3, shelf
print("cold" if "seen" not in globals() else "warm")
def handler(event, context):
    global seen
    warm, seen = "seen" in globals(), True
    print("handling", event["n"])
    return {
        "shelf": shelf.NAME, "warm": warm, "declared": os.environ["COLOUR"], "memory": context.memory_limit_in_mb,
        "key": os.environ["AWS_ACCESS_KEY_ID"], "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "left_s": context.get_remaining_time_in_millis() / 1000, "request": context.aws_request_id,
        "outside": [p for p in sys.path if p.endswith("site-packages") and "opt" not in p],
    }
"""
    host.endpoint_url = "http://localhost:5555"
    function = function_of(
        source, layer={"python/shelf.py": "NAME = 'layer'"}, environment={"COLOUR": "red"}
    )

    first = host.invoke(function, b'{"n": 1}', "r-1")
    second = host.invoke(function, b'{"n": 2}', "r-2")

    answer = json.loads(first.payload)
    assert first.kind is Kind.RESPONSE
    assert answer["shelf"] == "layer"
    assert answer["declared"] == "red"
    assert answer["memory"] == "512"
    assert answer["endpoint"] == "http://localhost:5555"
    assert answer["request"] == "r-1"
    assert 0 < answer["left_s"] <= 30
    assert answer["outside"] == []
    assert principals.role_of(answer["key"]) == function.role_arn
    assert first.log_lines == ("cold", "handling 1")
    assert json.loads(second.payload)["warm"]
    assert second.log_lines == ("handling 2",)


def test_a_changed_configuration_gets_a_new_environment(
    host: ProcessHost, function_of: Make
) -> None:
    source = "import os\ndef handler(event, context): return os.environ['COLOUR']"
    assert (
        host.invoke(function_of(source, environment={"COLOUR": "red"}), b"{}", "1").payload
        == b'"red"'
    )
    assert (
        host.invoke(function_of(source, environment={"COLOUR": "blue"}), b"{}", "2").payload
        == b'"blue"'
    )
    assert host.environments() == 1


def test_an_exception_is_an_error_with_its_traceback_and_keeps_the_environment(
    host: ProcessHost, function_of: Make
) -> None:
    function = function_of("def handler(event, context):\n    raise LookupError('no such card')")
    result = host.invoke(function, b"{}", "r-1")
    document = json.loads(result.payload)
    assert result.kind is Kind.ERROR
    assert (document["errorType"], document["errorMessage"]) == ("LookupError", "no such card")
    assert "app.py" in document["stackTrace"][0]
    assert any(line.startswith("[ERROR] LookupError: no such card") for line in result.log_lines)
    assert host.environments() == 1


def test_an_import_that_the_archive_forgot_is_an_error(
    host: ProcessHost, function_of: Make
) -> None:
    # pytest is installed where this test runs, and not in the managed runtime.
    result = host.invoke(function_of("import pytest\ndef handler(event, context): ..."), b"{}", "1")
    assert result.kind is Kind.ERROR
    assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"
    assert host.environments() == 0


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        pytest.param(
            "import threading; threading.Event().wait()",
            Kind.TIMEOUT,
            "Task timed out after 1.00 seconds",
            id="timeout",
        ),
        pytest.param(
            "import os; os._exit(3)",
            Kind.CRASH,
            "Runtime exited with error: exit status 3",
            id="exit",
        ),
    ],
)
def test_a_function_that_gives_no_answer_loses_its_environment(
    host: ProcessHost, function_of: Make, body: str, kind: Kind, message: str
) -> None:
    function = function_of(
        f"def handler(event, context):\n    print('started')\n    {body}", timeout_s=1
    )
    result = host.invoke(function, b"{}", "r-1")
    assert result.kind is kind
    assert message in json.loads(result.payload)["errorMessage"]
    assert result.log_lines[0] == "started"
    assert message in result.log_lines[-1]
    assert host.environments() == 0


def test_a_process_can_be_killed_by_its_access_key(
    principals: Principals, function_of: Make
) -> None:
    keys: list[str] = []

    def issue(role_arn: str) -> Credentials:
        credentials = principals.issue(role_arn)
        keys.append(credentials.access_key_id)
        return credentials

    host = ProcessHost(issue)
    function = function_of(
        "def handler(event, context):\n    import threading; threading.Event().wait()"
    )
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(host.invoke, function, b"{}", "r-1")
        while not (keys and host.kill(keys[0])):
            assert not running.done()
        result = running.result(timeout=60)
    host.close()
    assert result.kind is Kind.CRASH
    assert "signal: killed" in json.loads(result.payload)["errorMessage"]
    assert not host.kill(keys[0])
