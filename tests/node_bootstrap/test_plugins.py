"""CNI plugins are asked what they are, whatever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node.plugins import Observed
from node_bootstrap.files import Files
from node_bootstrap.plugins import observe
from node_bootstrap.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = """\
#!/bin/sh
test -z "$CNI_COMMAND" || { echo '{"code": 4}'; exit 1; }
echo 'CNI host-device plugin v1.1.1' >&2
echo 'CNI protocol versions supported: 0.4.0, 1.0.0' >&2
"""


def install(root: Path, name: str, text: str, mode: int = 0o755) -> None:
    program = root / "opt/cni/bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(mode)


@pytest.mark.subprocesses("host-device")
def test_a_plugin_tells_its_version_even_if_the_caller_is_one_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNI_COMMAND", "ADD")
    install(tmp_path, "host-device", ABOUT)
    programs = Programs()
    observed = observe(["host-device", "host-device"], Files(tmp_path), programs)
    assert observed == {
        "host-device": Observed(
            "host-device",
            "CNI host-device plugin v1.1.1\nCNI protocol versions supported: 0.4.0, 1.0.0\n",
        )
    }
    assert programs.started == 1


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        pytest.param("#!/bin/sh\nexit 1\n", 0o755, id="it-fails"),
        pytest.param("\x7fELF", 0o755, id="another-machine's"),
        pytest.param("#!/bin/sh\n", 0o644, id="not-executable"),
        pytest.param("#!/nowhere/sh\n", 0o755, id="no-interpreter"),
    ],
)
@pytest.mark.subprocesses("ipvlan")
def test_what_cannot_be_started_is_there_and_says_nothing(
    tmp_path: Path, text: str, mode: int
) -> None:
    install(tmp_path, "ipvlan", text, mode)
    assert observe(["ipvlan"], Files(tmp_path), Programs()) == {"ipvlan": Observed("ipvlan", "")}


def test_what_is_not_installed_is_not_started(tmp_path: Path) -> None:
    programs = Programs()
    assert observe(["static", "ipvlan"], Files(tmp_path), programs) == {
        "ipvlan": None,
        "static": None,
    }
    assert programs.started == 0
