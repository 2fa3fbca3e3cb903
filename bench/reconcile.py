"""A scheduled run over a fleet in which all is well: its calls, and its CPU time apart from AWS's answers."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from bench import nodes
from bench.figures import Figure, at_most
from bench.nodes import Shape
from cli.rehearsal import MOST_RECORDS, Function, SerialWorkers, rehearse
from lambdas.aws.session import Clients
from localaws.account import Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.model import OperationModel

    from cli.rehearsal import Rehearsal
    from localaws.client import Client

FLEETS = (10, 100, 1000)
SHAPE = Shape(2)
PAGE = 1000
"""The most network interfaces, and the most instances, that one answer of EC2 holds (EC2 API reference)."""
RATIO = 1.2
BOOT_S = 10.0


class NotWellError(Exception):
    """A run found something to mend, so it is not the cost of a fleet in which all is well."""


def fewest_calls(fleet: int, interfaces: int) -> int:
    """Return the calls that it takes to see the fleet once: pages of interfaces, of instances, and one of groups."""
    return -(-fleet * interfaces // PAGE) + -(-fleet // PAGE) + 1


class _Tape:
    """Keeps what a client asks and is answered, to answer it again without anybody computing it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._operations: list[tuple[str, dict[str, Any]]] = []
        self._answers: dict[tuple[str, str], tuple[int, dict[str, str], bytes]] = {}
        self._recording = True
        events = client.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register_first("before-send", self._answer)
        events.register("provide-client-params", self._note)

    def end(self) -> None:
        """Answer from now on with what is kept; another question is an error."""
        self._recording = False

    def play(self) -> None:
        """Ask everything once more, by botocore and nothing else."""
        for name, params in self._operations:
            # What each method of a client calls.
            self._client._make_api_call(name, dict(params))

    def _note(self, params: dict[str, Any], model: OperationModel, **_: object) -> None:
        if self._recording:
            self._operations.append((model.name, dict(params)))

    def _answer(
        self, event_name: str, request: AWSPreparedRequest, **_: object
    ) -> AWSResponse | None:
        key = (str(request.url), str(request.body))
        if self._recording:
            fresh = botocore_stubber(event_name, request)
            if fresh is None:
                return None
            self._answers[key] = (fresh.status_code, dict(fresh.headers), fresh.content)
        status, headers, body = self._answers[key]
        return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]  # all that is read of it is `read`


@dataclass(frozen=True)
class Run:
    """What one run cost."""

    calls: Mapping[str, int]
    cpu_s: float
    parsing_cpu_s: float
    """Of this: what boto3 alone takes to ask for and to read the same pages."""


def populate(rehearsal: Rehearsal, fleet: int) -> None:
    """Bring the fleet to so many nodes in service, by the launch handler."""
    hook = rehearsal.runtime.environment.launch_hook
    events = nodes.launch(rehearsal, SHAPE, fleet - len(rehearsal.opened(hook)), BOOT_S)
    for start in range(0, len(events), MOST_RECORDS):
        batch = events[start : start + MOST_RECORDS]
        rehearsal.deliver(Function.LAUNCH, [json.dumps(event) for event in batch])
    rehearsal.account.clock.wait(BOOT_S)


def measure(rehearsal: Rehearsal, fleet: int, timings: int) -> Run:
    """Run the reconciler over a fleet in service.

    Args:
        rehearsal: the fleet's account, populated.
        fleet: its nodes.
        timings: how often its CPU time is taken; each time has the whole heap searched for garbage beforehand.

    Raises:
        NotWellError: not every node was in service with nothing to mend.
    """
    runtime = replace(rehearsal.runtime, clients=Clients(rehearsal.runtime.clock))
    tapes = [_Tape(runtime.clients.ec2), _Tape(runtime.clients.autoscaling)]
    measured = replace(rehearsal, runtime=runtime)
    rehearsal.account.calls.clear()
    answer = measured.reconcile()
    if answer.response["nodes"] != fleet or answer.response["outcomes"]:
        raise NotWellError("\n".join(answer.output))
    counts = rehearsal.account.calls.counts()
    for tape in tapes:
        tape.end()
    pairs = [
        (_cpu_s(lambda: measured.cold().reconcile()), _cpu_s(lambda: _play(tapes)))
        for _ in range(timings)
    ]
    return Run(counts, *typical(pairs))


def typical(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the pair with the median ratio: each was taken in one moment, and a machine's speed drifts."""
    ordered = sorted(pairs, key=lambda pair: pair[0] / pair[1])
    return ordered[len(ordered) // 2]


def figures(fleets: Sequence[int] = FLEETS) -> Iterator[Figure]:
    """Yield the calls of a run against the pages there are, and its CPU time against that of reading them."""
    settings = Settings(visibility_s=0.0, throttling=False)
    with rehearse(nodes.document([SHAPE]), VirtualClock(), settings, SerialWorkers()) as rehearsal:
        for fleet in fleets:
            populate(rehearsal, fleet)
            run = measure(rehearsal, fleet, max(5, min(21, 1000 // fleet)))
            pages = fewest_calls(fleet, SHAPE.interfaces)
            name = f"{fleet} nodes"
            calls = sum(run.calls.values())
            yield Figure(f"{name}: calls", calls, pages, "calls", "one per page", pages)
            per_1000 = 1000 / fleet
            yield at_most(
                f"{name}: CPU per 1 000",
                run.cpu_s * per_1000,
                run.parsing_cpu_s * per_1000,
                "s",
                RATIO,
            )


def _play(tapes: Iterable[_Tape]) -> None:
    for tape in tapes:
        tape.play()


def _cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds of some work, without the embedded account's part in collecting garbage."""
    gc.collect()
    gc.freeze()
    try:
        started_s = time.process_time()
        work()
        return time.process_time() - started_s
    finally:
        gc.unfreeze()
