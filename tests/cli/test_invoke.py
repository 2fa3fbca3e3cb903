"""`invoke`: payloads through the real handlers, in an account where they are true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.__main__ import app

if TYPE_CHECKING:
    from typer.testing import Result

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"


def invoked(path: Path) -> Result:
    """Run the command on a payload with the smallest configuration."""
    arguments = ["invoke", str(path), "--config", str(ROOT / "config" / "minimal.yaml")]
    return CliRunner().invoke(app(), arguments, env={"COLUMNS": "200"})


@pytest.mark.scenario
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "launch",
            ["launch.lambda_handler", "result: continued", "CONTINUE to MultusEni-minimal-launch"],
        ),
        ("launch-into-warm-pool", ["Warmed:Pending:Wait", "interfaces_attached: 1"]),
        ("launch-from-warm-pool", ['"Origin": "WarmPool"', "interfaces_attached: 0", "+ i-"]),
        ("launch-of-another-hook", ["cluster-autoscaler-launch is not ours", "(none)"]),
        ("terminate", ["terminate.lambda_handler", "- eni-", "Terminating:Wait"]),
        ("terminate-into-warm-pool", ["returns to the warm pool", "= eni-", "Warmed:Stopped"]),
        ("terminate-from-warm-pool", ["result: continued", "- eni-"]),
        ("state-change-terminated", ["terminated swept"]),
        ("state-change-running", ["instance state running", "= eni-"]),
        ("test-notification", ["test notification", "no node is spoken of"]),
        ("reserve-create", ["no range is reserved", '"Status": "SUCCESS"', "  + scr-"]),
        (
            "reserve-update",
            ["reserved by the stack", '"Status": "SUCCESS"', "  = scr-", "  + scr-"],
        ),
        ("reserve-delete", ["1 DeleteSubnetCidrReservation", "  - scr-"]),
        ("schedule", ["reconcile.lambda_handler", "nodes_in_service: 0"]),
    ],
)
def test_every_payload_meets_what_it_speaks_of(name: str, shown: list[str]) -> None:
    result = invoked(EVENTS / f"{name}.json")
    assert result.exit_code == 0, result.output
    assert [text for text in shown if text not in result.stdout] == []
    assert "i-0a1b2c3d4e5f60718" not in result.stdout
    assert "subnet-0e58d1c6a90b43f72" not in result.stdout


@pytest.mark.scenario
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "the message is not JSON"),
        ("[]", "an event must be a JSON object"),
        ('{"detail-type": "Something Else"}', "is none that this function reads"),
        ('{"detail-type": "EC2 Instance-launch Lifecycle Action"}', "detail must be a JSON object"),
    ],
    ids=["no JSON", "no object", "another kind", "no detail"],
)
def test_a_payload_that_is_wrong_is_rejected_by_the_handler_itself(
    text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    path.write_text(text, encoding="utf-8")
    result = invoked(path)
    assert result.exit_code == 0, result.output
    assert "result: rejected" in result.stdout
    assert reason in result.stdout


@pytest.mark.scenario
@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"RequestType": "Drop"}, ["'Drop' is not a valid RequestType", "(none)"]),
        ({"StackId": None, "ResourceProperties": 3}, ["EventRejected", "(none)"]),
        (
            {"ResourceProperties": {"Cidr": "10.0.49.1/24", "SubnetIds": []}},
            ['"Status": "FAILED"', "spec-rejected"],
        ),
        (
            {"ResourceProperties": {"Cidr": "10.0.49.0/24", "SubnetIds": []}},
            ['"Status": "FAILED"', "is in none of its subnets. Correct", '"SubnetIds": []'],
        ),
        (
            {"ResourceProperties": {"Cidr": "10.0.49.0/24", "SubnetIds": ["subnet-1", 2]}},
            ['"Status": "FAILED"', "spec-rejected", '"subnet-1",'],
        ),
    ],
    ids=["another kind", "no properties", "no range", "no subnets", "no id of a subnet"],
)
def test_a_request_that_is_wrong_is_rejected_by_the_handler_itself(
    changed: dict[str, object], shown: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    payload = json.loads((EVENTS / "reserve-create.json").read_text("utf-8"))
    path.write_text(json.dumps({**payload, **changed}), encoding="utf-8")
    result = invoked(path)
    assert result.exit_code == 0, result.output
    assert [text for text in shown if text not in result.stdout] == []


@pytest.mark.scenario
def test_an_update_of_nothing_keeps_the_one_range(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    payload = json.loads((EVENTS / "reserve-update.json").read_text("utf-8"))
    same = {"OldResourceProperties": payload["ResourceProperties"]}
    path.write_text(json.dumps({**payload, **same}), encoding="utf-8")
    result = invoked(path)
    assert result.exit_code == 0, result.output
    [kept] = set(re.findall(r'"Cidr": "(\S+)"', result.stdout))
    assert f"  {kept} of subnet-" in result.stdout
    assert '"Status": "SUCCESS"' in result.stdout
    assert "  = scr-" in result.stdout
    assert "  + scr-" not in result.stdout


@pytest.mark.scenario
def test_a_physical_id_that_stands_for_no_range_stays(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    payload = json.loads((EVENTS / "reserve-delete.json").read_text("utf-8"))
    made = {"PhysicalResourceId": "nothing-made"}
    path.write_text(json.dumps({**payload, **made}), encoding="utf-8")
    result = invoked(path)
    assert result.exit_code == 0, result.output
    assert '"PhysicalResourceId": "nothing-made"' in result.stdout
    assert "  - scr-" in result.stdout


def test_a_file_that_cannot_be_read_is_one_line_and_exit_2(tmp_path: Path) -> None:
    result = invoked(tmp_path / "none.json")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{tmp_path / 'none.json'}: cannot be read: No such file or directory"
    ]


@pytest.mark.scenario
def test_a_launch_at_no_time_is_rejected_and_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    payload = json.loads((EVENTS / "launch.json").read_text("utf-8"))
    path.write_text(json.dumps({**payload, "time": "yesterday"}), encoding="utf-8")
    result = invoked(path)
    assert result.exit_code == 0, result.output
    assert "time must look like 2026-01-31T12:00:00Z, got 'yesterday'" in result.stdout
    assert "launch continued" not in result.stdout
