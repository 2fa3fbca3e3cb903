"""A node answers its launch hook when kubelet is at work: against a real socket and the fake metadata service."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.config import NodeGroup
from domain.node.errors import (
    HookUnanswered,
    MetadataIncomplete,
    MetadataUnreachable,
    RunUnderWay,
)
from domain.node.readiness import HookResult
from domain.node.status import Run, State, Status
from kernellab import imds as lab
from node_bootstrap import joining, launch_hook, lock
from node_bootstrap import status as status_file
from node_bootstrap.files import Files
from node_bootstrap.imds import MetadataService
from node_bootstrap.joining import ASK_AGAIN_AFTER_S
from node_bootstrap.launch_hook import Record
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GROUP = NodeGroup("workers", "workers-asg", (), ready_hook="fleet-ready")
INSTANCE = "i-0123456789abcdef0"
TARGET = "meta-data/autoscaling/target-lifecycle-state"
AWS_CNI = f"{layout.CNI_OF_RUNTIME}/10-aws.conflist"
HELD = Status(
    state=State.HELD,
    step="discover",
    run=Run.BOOT,
    since="2026-11-29T08:00:00Z",
    ended_at="2026-11-29T08:05:00Z",
    consequence="kubelet does not start; no launch is open, so nobody replaces the node",
)
NONE_ACTIVE = "An error occurred (ValidationError): No active Lifecycle Action found"


class Kubelet(HTTPServer):
    """kubelet's healthz."""

    status = 200

    class Handler(BaseHTTPRequestHandler):
        """Answers /healthz with the server's status."""

        server: Kubelet

        def do_GET(self) -> None:
            """Answer as kubelet does."""
            self.send_response(self.server.status if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)


class Stopped(BaseException):
    """The instance was stopped."""


class Scene:
    """A node whose kubelet, network plugin and metadata a test changes between two looks."""

    def __init__(self, root: Path, state: Path, imds_port: int) -> None:
        self.files = Files(root)
        self.programs = ToldPrograms()
        self.said: list[str] = []
        self.state = lab.node_state()
        self.kubelet = Kubelet()
        self.then: list[Callable[[], object]] = []
        """What happens in the pauses, one after the other."""
        self.pauses: list[float] = []
        self._state_path = state
        self._threads: list[threading.Thread] = []
        self.metadata = MetadataService((("127.0.0.1", imds_port),), lambda _: None)
        self.files.carry_out(WriteFile(layout.READY, "ready\n"))
        self.publish()

    def publish(self, target: str | None = None) -> None:
        if target is not None:
            self.state.extra[TARGET] = target
        self.state.write(self._state_path)

    def start_kubelet(self) -> None:
        thread = threading.Thread(target=self.kubelet.serve_forever, daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        if self._threads:
            self.kubelet.shutdown()
        for thread in self._threads:
            thread.join()
        self.kubelet.server_close()
        self.metadata.close()

    def write_cni(self) -> None:
        self.files.carry_out(WriteFile(AWS_CNI, "{}"))

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert self.then, f"it goes on waiting: {self.said}"
        self.then.pop(0)()

    def be_stopped(self) -> None:
        raise Stopped

    def answer(
        self, group: NodeGroup = GROUP, timeout_s: float = 7200.0, booted_at_s: float = 0.0
    ) -> None:
        # Nobody listens at a port that is taken but not served, and a connection to it would hang.
        port = self.kubelet.server_port if self._threads else 1
        node = joining.Node(
            self.files,
            self.programs,
            self.metadata,
            ("127.0.0.1", port),
            booted_at_s,
            self._pause,
        )
        joining.answer(group, node, self.said.append, timeout_s)

    @property
    def answers(self) -> list[str]:
        return [
            call[call.index("--lifecycle-action-result") + 1]
            for call in self.programs.calls
            if call[0] == "aws"
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Return a node whose kubelet may start and has not."""
    path = tmp_path / "state.json"
    lab.node_state().write(path)
    with lab.Running(path) as server:
        made = Scene(tmp_path / "host", path, server.port)
        yield made
        made.close()


def test_a_node_at_work_answers_at_once(scene: Scene) -> None:
    scene.start_kubelet()
    scene.write_cni()
    scene.answer()
    assert scene.said == ["answered the launch hook fleet-ready with CONTINUE"]
    assert scene.answers == ["CONTINUE"]
    assert scene.programs.calls[0][-1] == "us-east-1"
    assert launch_hook.answered(GROUP, INSTANCE, scene.files) is HookResult.CONTINUE


def test_kubelet_and_then_the_network_plugin_are_waited_for(scene: Scene) -> None:
    scene.kubelet.status = 500
    scene.start_kubelet()
    seen: list[Record | None] = []

    def look() -> None:
        seen.append(launch_hook.record(scene.files))
        assert scene.answers == []

    def is_well() -> None:
        look()
        scene.kubelet.status = 200

    def plugin_comes() -> None:
        look()
        scene.write_cni()

    scene.then = [look, is_well, plugin_comes]
    scene.answer()
    kubelet, plugin, answered = scene.said
    assert kubelet.startswith("waits for kubelet: it says 500 at 127.0.0.1:")
    assert plugin.startswith("waits for the cluster's network plugin: ")
    assert answered.endswith("with CONTINUE")
    assert [f"waits for {record and record.waits_for}" for record in seen] == [
        kubelet,
        kubelet,
        plugin,
    ]
    assert scene.pauses == [joining.PAUSE_S] * 3
    assert scene.answers == ["CONTINUE"]


def test_a_kubelet_that_is_not_there_is_named(scene: Scene) -> None:
    with pytest.raises(HookUnanswered, match="does not come to work") as told:
        scene.answer(timeout_s=0)
    assert (
        told.value.value
        == "kubelet: nothing answers at 127.0.0.1:1/healthz (ConnectionRefusedError)"
    )
    assert scene.programs.calls == []


def test_a_node_that_goes_to_the_warm_pool_answers_without_kubelet_and_is_stopped(
    scene: Scene,
) -> None:
    scene.publish("Warmed:Stopped")
    scene.then = [scene.be_stopped]
    with pytest.raises(Stopped):
        scene.answer()
    assert scene.answers == ["CONTINUE"]
    assert scene.pauses == [joining.POOL_PAUSE_S]


@pytest.mark.parametrize("again", [False, True], ids=["at once", "started again meanwhile"])
def test_a_node_that_is_not_stopped_is_let_in_when_it_is_to_serve(
    scene: Scene, again: bool
) -> None:
    """The state that was told was an old one, or the pool's nodes go on running."""
    unit = "/etc/systemd/system/nodeadm-run.service"
    scene.files.carry_out(WriteFile(unit, "[Unit]\n"))
    scene.publish("Warmed:Running")
    if again:
        scene.then = [scene.be_stopped]
        with pytest.raises(Stopped):
            scene.answer()
    scene.then = [lambda: scene.publish("InService"), scene.write_cni]
    scene.start_kubelet()
    scene.answer()
    assert ("systemctl", "start", "--no-block", "nodeadm-run.service") in scene.programs.calls
    assert scene.answers == ["CONTINUE", "CONTINUE"]
    assert scene.said[-3] == "leaves the warm pool"
    known = launch_hook.record(scene.files)
    assert known == Record("fleet-ready", INSTANCE, HookResult.CONTINUE)


def test_what_an_earlier_boot_has_left_of_the_network_plugin_tells_nothing(scene: Scene) -> None:
    scene.start_kubelet()
    scene.write_cni()
    written_s = scene.files.at(AWS_CNI).stat().st_mtime
    with pytest.raises(HookUnanswered) as told:
        scene.answer(timeout_s=0, booted_at_s=written_s + 1)
    assert "network plugin" in told.value.value
    scene.answer(timeout_s=0, booted_at_s=written_s - 1)
    assert scene.answers == ["CONTINUE"]


def test_a_node_on_its_way_into_service_waits_for_kubelet_again(scene: Scene) -> None:
    scene.publish("InService")
    scene.write_cni()
    with pytest.raises(HookUnanswered):
        scene.answer(timeout_s=0)
    assert scene.answers == []


def test_what_is_answered_is_not_answered_again(scene: Scene) -> None:
    launch_hook.remember(Record("fleet-ready", INSTANCE, HookResult.CONTINUE), scene.files)
    scene.answer()
    assert (scene.said, scene.answers) == (["the launch hook is answered already"], [])


def test_a_launch_that_is_not_open_yet_is_asked_for_again(scene: Scene) -> None:
    scene.start_kubelet()
    scene.write_cni()
    scene.programs.failures["aws"] = NONE_ACTIVE

    def opens() -> None:
        known = launch_hook.record(scene.files)
        assert (known and known.waits_for, known and known.result) == (launch_hook.NOT_OPEN, None)
        scene.programs.failures.clear()

    scene.then = [lambda: None, opens]
    scene.answer()
    assert scene.said == ["answered the launch hook fleet-ready with CONTINUE"]
    assert scene.pauses == [10.0, 20.0]
    assert scene.answers == ["CONTINUE"] * 3


def test_a_launch_that_is_over_needs_no_answer(scene: Scene) -> None:
    scene.start_kubelet()
    scene.write_cni()
    scene.programs.failures["aws"] = NONE_ACTIVE
    scene.then = [lambda: None] * len(joining.ASK_AGAIN_AFTER_S)
    scene.answer()
    assert scene.said == ["no launch is open any more"]
    assert scene.pauses == list(joining.ASK_AGAIN_AFTER_S)
    assert launch_hook.answered(GROUP, INSTANCE, scene.files) is HookResult.CONTINUE


class GivenUp:
    """A node that a run has found no launch to abandon for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        scene.files.at(layout.READY).unlink()
        for path in (layout.ABANDON_DUE, layout.HOOK):
            scene.files.carry_out(WriteFile(path, ""))
        status_file.write(HELD, scene.files)
        scene.programs.failures["aws"] = NONE_ACTIVE

    def let_in(self) -> None:
        """Be mended by a run: it opens the gate, takes back what is due, and has the hook answered."""
        files = self.scene.files
        files.carry_out(WriteFile(layout.READY, "ready\n"))
        files.carry_out(RemoveFile(layout.ABANDON_DUE))
        self.scene.programs.failures.clear()

    def after(self, seconds: float, happening: Callable[[], object]) -> None:
        """Let something happen after so many seconds of pauses, and let all pauses be."""
        count = sum(map(len, SLICES))
        self.scene.then = [lambda: None] * count
        self.scene.then[int(seconds / joining.POOL_PAUSE_S) - 1] = happening

    @property
    def state(self) -> State:
        shown = status_file.read(self.scene.files).status
        assert shown is not None
        return shown.state


SLICES = [[joining.POOL_PAUSE_S] * int(each / joining.POOL_PAUSE_S) for each in ASK_AGAIN_AFTER_S]
"""The pauses before each attempt: short ones, so that a node that is let in meanwhile is not left waiting."""


@pytest.fixture
def given_up(scene: Scene) -> GivenUp:
    """Return a node that is given up."""
    return GivenUp(scene)


def test_a_launch_that_opens_late_is_abandoned(given_up: GivenUp) -> None:
    scene = given_up.scene

    def opens() -> None:
        known = launch_hook.record(scene.files)
        assert (known and known.waits_for, known and known.result) == (launch_hook.NOT_OPEN, None)
        scene.programs.failures.clear()

    given_up.after(20.0, opens)
    scene.answer()
    assert scene.said == ["answered the launch hook fleet-ready with ABANDON"]
    assert scene.answers == ["ABANDON"] * 2
    assert scene.pauses == [*SLICES[0], *SLICES[1]]
    assert launch_hook.answered(GROUP, INSTANCE, scene.files) is HookResult.ABANDON
    assert given_up.state is State.ABANDONED
    assert scene.files.text(layout.ABANDON_DUE) is None
    with pytest.raises(HookUnanswered):
        scene.answer()
    assert len(scene.answers) == 2, "what is answered is not answered again"


def test_a_launch_that_never_opens_is_asked_for_in_vain_and_the_node_stays_held(
    given_up: GivenUp,
) -> None:
    scene = given_up.scene
    given_up.after(joining.POOL_PAUSE_S, lambda: None)
    scene.answer()
    assert scene.said == ["no launch is open any more"]
    assert scene.answers == ["ABANDON"] * len(ASK_AGAIN_AFTER_S)
    assert sum(scene.pauses) == sum(ASK_AGAIN_AFTER_S)
    assert given_up.state is State.HELD
    assert launch_hook.record(scene.files) is None
    assert scene.files.text(layout.ABANDON_DUE) is None


@pytest.mark.parametrize(("after_s", "abandons"), [(5.0, 0), (25.0, 1), (310.0, 4)])
def test_a_node_that_a_run_lets_in_meanwhile_is_not_abandoned_and_answers_as_any_other(
    given_up: GivenUp, after_s: float, abandons: int
) -> None:
    scene = given_up.scene
    scene.start_kubelet()
    scene.write_cni()
    given_up.after(after_s, given_up.let_in)
    scene.answer()
    assert scene.answers == [*["ABANDON"] * abandons, "CONTINUE"]
    assert launch_hook.answered(GROUP, INSTANCE, scene.files) is HookResult.CONTINUE


def test_a_node_that_another_run_has_another_end_for_is_left_to_that(given_up: GivenUp) -> None:
    scene = given_up.scene
    given_up.after(5.0, lambda: scene.files.carry_out(RemoveFile(layout.ABANDON_DUE)))
    scene.answer()
    assert (scene.said, scene.answers) == ([], [])
    assert given_up.state is State.HELD


def test_a_run_that_is_under_way_is_waited_for_before_a_node_is_abandoned(
    given_up: GivenUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = given_up.scene
    scene.programs.failures.clear()
    monkeypatch.setitem(lock.WAIT_S, Run.HOTPLUG, 0.0)
    given_up.after(5.0, lambda: None)
    with lock.held(scene.files, Run.MANUAL), pytest.raises(RunUnderWay):
        scene.answer()
    assert scene.answers == []
    assert scene.files.text(layout.ABANDON_DUE) is not None, "the unit starts it again"


def test_a_refusal_to_abandon_is_told_and_left_to_be_tried_again(given_up: GivenUp) -> None:
    scene = given_up.scene
    scene.programs.failures["aws"] = "AccessDenied"
    given_up.after(5.0, lambda: None)
    with pytest.raises(HookUnanswered, match="was not answered with ABANDON"):
        scene.answer()
    known = launch_hook.record(scene.files)
    assert known is not None
    assert known.failed
    assert scene.files.text(layout.ABANDON_DUE) is not None


def test_nothing_is_said_for_a_node_that_is_not_ready(scene: Scene) -> None:
    scene.files.at(layout.READY).unlink()
    with pytest.raises(HookUnanswered, match="is not answered") as told:
        scene.answer()
    assert told.value.value == "kubelet may not start"
    assert scene.programs.calls == []


def test_a_group_without_a_hook_has_nothing_to_answer(scene: Scene) -> None:
    scene.answer(NodeGroup("workers", "workers-asg", ()))
    assert scene.said == ["nodes of workers have no launch hook of their own"]
    assert scene.programs.calls == []


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("meta-data/instance-id", 404, MetadataIncomplete),
        ("api/token", 503, MetadataUnreachable),
    ],
)
def test_an_instance_that_is_not_known_answers_for_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, path: str, status: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(joining, "METADATA_TIMEOUT_S", 0.0)
    scene.state.faults[path] = lab.Fault(status)
    scene.publish()
    with pytest.raises(error):
        scene.answer()
    assert scene.programs.calls == []
