"""One payload on its way through the real handler: what is made true for it, and what is shown of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli import range_requests
from cli.demo.promises import Observer
from cli.rehearsal import Function, SerialWorkers, rehearse
from domain import naming, tags
from localaws.account import Settings
from localaws.calls import OK
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cli.demo.promises import EniView
    from cli.rehearsal import Rehearsal
    from localaws.events.envelope import Event

OURS = naming.owner("")
"""How every hook of a stack of this product begins."""
LAUNCHING = "EC2 Instance-launch Lifecycle Action"
TERMINATING = "EC2 Instance-terminate Lifecycle Action"
STATE_CHANGE = "EC2 Instance State-change Notification"
SETTLE_S = 20.0
"""Longer than the account takes for anything that it does by itself."""
CALL_S = 0.3
"""What a call to AWS takes about; in no time at all, nothing just created would ever be visible to the next call."""
WARM_POOL = "WarmPool"
_DULL = frozenset({"level", "location", "message", "timestamp", "service"})


def run(document: dict[str, Any], text: str) -> None:
    """Deliver a payload in an embedded account, and print what the handler logs, answers and changes.

    Args:
        document: a valid configuration, as YAML reads it; its ids are replaced.
        text: the payload as it is written.

    Raises:
        TooManySubnets: what the configuration names could not be made.
    """
    console = Console(highlight=False, soft_wrap=True)
    settings = Settings(call_latency_s=CALL_S)
    with rehearse(document, VirtualClock(), settings, SerialWorkers()) as rehearsal:
        _deliver(rehearsal, text, console)


def _deliver(rehearsal: Rehearsal, text: str, console: Console) -> None:
    sent = prepare(rehearsal, text)
    before = _look(rehearsal)
    rehearsal.account.calls.clear()
    rehearsal.mailbox.bodies.clear()
    if sent.function is Function.RECONCILE:
        answer = rehearsal.reconcile()
    elif sent.function is Function.RESERVE:
        answer = rehearsal.request(sent.body)
    else:
        answer = rehearsal.deliver(sent.function, [sent.body])
    completed = [
        call.params for call in rehearsal.account.calls.of_action("CompleteLifecycleAction")
    ]
    counts = Counter(
        call.action if call.outcome == OK else f"{call.action}: {call.outcome}"
        for call in rehearsal.account.calls.all()
    )
    rehearsal.account.clock.wait(SETTLE_S)
    after = _look(rehearsal)
    _show(console, "Handler", [sent.function.value, sent.state])
    _show(console, "Payload", _indented(sent.body))
    _show(console, "Log", [line for each in answer.output for line in log_lines(each)])
    _show(console, "Answer", _indented(json.dumps(answer.response)))
    _show(console, "API calls", [f"{number:3} {action}" for action, number in counts.items()])
    if sent.function is Function.RESERVE:
        _show(
            console,
            "Answer to CloudFormation",
            [line for body in rehearsal.mailbox.bodies for line in _indented(body)],
        )
        _show(console, "CIDR reservations", changes(before.reservations, after.reservations))
        return
    _show(console, "Hooks completed", [_completion(params) for params in completed])
    _show(console, "Nodes", changes(before.nodes, after.nodes))
    _show(console, "ENIs", changes(before.enis, after.enis))


def _show(console: Console, heading: str, lines: Sequence[str]) -> None:
    console.print(f"[bold]{heading}[/]")
    for line in lines or ["(none)"]:
        console.print(f"  {line}", markup=False)


# What is sent.


@dataclass(frozen=True)
class Sent:
    """A payload ready to go, and what was made true for it."""

    function: Function
    body: str
    state: str
    """In words."""


def prepare(rehearsal: Rehearsal, text: str) -> Sent:
    """Bring a node into the state that a payload speaks of, and put that node's ids into it.

    Everything else stays as it is, so what is wrong with a payload stays wrong: the handler says so itself.
    """
    try:
        payload = json.loads(text)
    except json.JSONDecodeError:
        return Sent(Function.LAUNCH, text, "the payload is not JSON; any queue would deliver it")
    if not isinstance(payload, dict):
        return Sent(Function.LAUNCH, text, "the payload is no event; any queue would deliver it")
    if range_requests.KIND in payload:
        return Sent(Function.RESERVE, *range_requests.prepare(rehearsal, payload))
    if payload.get("source") == "aws.scheduler":
        return Sent(Function.RECONCILE, text, "invoked by the schedule; nothing was prepared")
    play = _PLAYS.get(str(payload.get("detail-type")))
    if play is None:
        return Sent(Function.LAUNCH, text, "no node is spoken of; nothing was prepared")
    function, bring_about, state = play(payload)
    happened = bring_about(rehearsal)
    body = json.dumps(rewritten(payload, happened))
    return Sent(function, body, state)


def rewritten(payload: Mapping[str, Any], happened: Event) -> dict[str, Any]:
    """Return the payload with the ids and the time of what really happened, for each that it has in the right form.

    Another hook's name stays, and so do origin and destination.
    """
    fresh = _replaced(payload, happened)
    detail = payload.get("detail")
    if isinstance(detail, dict):
        fresh["detail"] = _replaced(detail, happened["detail"])
    return fresh


def _replaced(written: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: real[key] if key in _FORMS and key in real and _FORMS[key](value) else value
        for key, value in written.items()
    }


def _text_like(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_time(value: object) -> bool:
    """Return whether it is a moment in UTC, with or without a fraction of a second; there is no 31st of February."""
    if not _text_like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")(value):
        return False
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _are_arns(value: object) -> bool:
    return isinstance(value, list) and all(map(_text_like(r"arn:\S+"), value))


_INSTANCE_ID = _text_like(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_FORMS: Mapping[str, Callable[[object], bool]] = {
    "account": _text_like(r"\d{12}"),
    "region": _text_like(r"[a-z]{2}(-[a-z]+)+-\d"),
    "time": _is_time,
    "resources": _are_arns,
    "LifecycleActionToken": _text_like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "AutoScalingGroupName": _text_like(r"[^\r\n\t]{1,255}"),
    "LifecycleHookName": _text_like(re.escape(OURS) + r"[-\w/]+"),
    "EC2InstanceId": _INSTANCE_ID,
    "instance-id": _INSTANCE_ID,
}
"""What names the one node and its hook, and the forms in which AWS sends them; in another form a value is what is wrong
with the payload (EventBridge User Guide, "Event structure"; Auto Scaling API Reference, CompleteLifecycleAction)."""


Play = tuple[Function, "Callable[[Rehearsal], Event]", str]


def _launching(payload: Mapping[str, Any]) -> Play:
    if _place(payload, "Destination") == WARM_POOL:
        return Function.LAUNCH, _warm_up, "a node waits in Warmed:Pending:Wait"
    if _place(payload, "Origin") == WARM_POOL:
        return Function.LAUNCH, _leave_pool, "a node of the warm pool waits in Pending:Wait"
    return Function.LAUNCH, _launch, "a node waits in Pending:Wait"


def _terminating(payload: Mapping[str, Any]) -> Play:
    if _place(payload, "Destination") == WARM_POOL:
        return Function.TERMINATE, _return_to_pool, "a node on its way into the warm pool waits"
    if _place(payload, "Origin") == WARM_POOL:
        return Function.TERMINATE, _shrink_pool, "a node of the warm pool waits to be terminated"
    return Function.TERMINATE, _terminate, "a node waits in Terminating:Wait"


def _changing(payload: Mapping[str, Any]) -> Play:
    detail = payload.get("detail")
    state = str(detail.get("state")) if isinstance(detail, dict) else ""
    if state == "terminated":
        return Function.TERMINATE, _end, "a node was terminated, its ENIs with it"
    return Function.TERMINATE, _run, "a node runs"


def _place(payload: Mapping[str, Any], member: str) -> object:
    detail = payload.get("detail")
    return detail.get(member) if isinstance(detail, dict) else None


_PLAYS: dict[str, Callable[[Mapping[str, Any]], Play]] = {
    LAUNCHING: _launching,
    TERMINATING: _terminating,
    STATE_CHANGE: _changing,
}


# How it comes about.


def _group(rehearsal: Rehearsal) -> str:
    return rehearsal.platform.groups[0]


def _latest(rehearsal: Rehearsal, detail_type: str, **detail: str) -> Event:
    """Return the latest event of a kind with these members, once the account has come to rest."""
    rehearsal.account.clock.wait(SETTLE_S)
    return [
        event
        for event in rehearsal.account.events.emitted
        if event["detail-type"] == detail_type and detail.items() <= event["detail"].items()
    ][-1]


def _serve(rehearsal: Rehearsal, function: Function, event: Event) -> None:
    rehearsal.deliver(function, [json.dumps(event)])
    rehearsal.account.clock.wait(SETTLE_S)


def _launch(rehearsal: Rehearsal) -> Event:
    rehearsal.desire(_group(rehearsal), 1)
    return _latest(rehearsal, LAUNCHING)


def _run(rehearsal: Rehearsal) -> Event:
    _serve(rehearsal, Function.LAUNCH, _launch(rehearsal))
    return _latest(rehearsal, STATE_CHANGE)


def _terminate(rehearsal: Rehearsal) -> Event:
    _run(rehearsal)
    rehearsal.desire(_group(rehearsal), 0)
    return _latest(rehearsal, TERMINATING)


def _end(rehearsal: Rehearsal) -> Event:
    _serve(rehearsal, Function.TERMINATE, _terminate(rehearsal))
    return _latest(rehearsal, STATE_CHANGE)


def _put_pool(rehearsal: Rehearsal, size: int) -> None:
    rehearsal.account.client("autoscaling").put_warm_pool(
        AutoScalingGroupName=_group(rehearsal),
        MinSize=size,
        MaxGroupPreparedCapacity=1,
        InstanceReusePolicy={"ReuseOnScaleIn": True},
    )


def _warm_up(rehearsal: Rehearsal) -> Event:
    _put_pool(rehearsal, 1)
    return _latest(rehearsal, LAUNCHING)


def _leave_pool(rehearsal: Rehearsal) -> Event:
    _serve(rehearsal, Function.LAUNCH, _warm_up(rehearsal))
    rehearsal.desire(_group(rehearsal), 1)
    return _latest(rehearsal, LAUNCHING, Origin=WARM_POOL)


def _return_to_pool(rehearsal: Rehearsal) -> Event:
    _run(rehearsal)
    _put_pool(rehearsal, 0)
    rehearsal.desire(_group(rehearsal), 0)
    return _latest(rehearsal, TERMINATING)


def _shrink_pool(rehearsal: Rehearsal) -> Event:
    _serve(rehearsal, Function.LAUNCH, _warm_up(rehearsal))
    rehearsal.account.client("autoscaling").delete_warm_pool(AutoScalingGroupName=_group(rehearsal))
    return _latest(rehearsal, TERMINATING)


# What is shown.


def log_lines(line: str) -> Iterator[str]:
    """Yield what a person reads of one printed line: a log record by members, metrics in one line, text as it is."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        yield line
        return
    if "_aws" in record:
        values = {key: value for key, value in record.items() if key != "_aws"}
        yield "metrics " + ", ".join(f"{key}={_flat(value)}" for key, value in values.items())
        return
    yield f"{record['level']} {record['message']}"
    for key, value in record.items():
        if key not in _DULL:
            yield f"    {key}: {value if isinstance(value, str) else json.dumps(value)}"


def _flat(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _indented(text: str) -> list[str]:
    try:
        return json.dumps(json.loads(text), indent=2).splitlines()
    except json.JSONDecodeError:
        return text.splitlines()


def _completion(params: Mapping[str, Any]) -> str:
    how = "by token" if params.get("LifecycleActionToken") else "by instance"
    return f"{params['LifecycleActionResult']} to {params['LifecycleHookName']} for {params['InstanceId']}, {how}"


@dataclass(frozen=True)
class _Look:
    nodes: Mapping[str, str]
    enis: Mapping[str, str]
    reservations: Mapping[str, str]


def _look(rehearsal: Rehearsal) -> _Look:
    members = rehearsal.account.client("autoscaling").describe_auto_scaling_instances()
    enis = Observer(rehearsal.account, rehearsal.config).enis()
    return _Look(
        {
            raw[
                "InstanceId"
            ]: f"{raw['LifecycleState']} in {raw['AutoScalingGroupName']}, {raw['AvailabilityZone']}"
            for raw in members["AutoScalingInstances"]
        },
        {eni.eni_id: _eni(eni) for eni in enis},
        range_requests.reservations(rehearsal),
    )


def _eni(eni: EniView) -> str:
    addresses = [item["PrivateIpAddress"] for item in eni.raw.get("PrivateIpAddresses", [])]
    addresses += [item["Ipv6Address"] for item in eni.raw.get("Ipv6Addresses", [])]
    attached = (
        f"attached to {eni.instance_id} at index {eni.attachment.get('DeviceIndex')}"
        if eni.is_attached
        else str(eni.raw["Status"])
    )
    goes = "goes with it" if eni.attachment.get("DeleteOnTermination") else "stays without it"
    return f"{eni.tags.get(tags.INTERFACE)} {', '.join(addresses)}, {attached}, {goes}"


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return, by id, what came, what went, what is otherwise and what stayed."""
    lines = []
    for key in sorted({*before, *after}):
        was, is_now = before.get(key), after.get(key)
        if was == is_now:
            lines.append(f"= {key} {was}")
            continue
        lines += [f"- {key} {was}"] if was else []
        lines += [f"+ {key} {is_now}"] if is_now else []
    return lines
