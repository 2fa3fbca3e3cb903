"""The three lines: a shell accepts them, they fail closed, and the README can quote them."""

from __future__ import annotations

import email
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from domain.node import layout
from stacks import user_data

OBJECT = b"the archive"
DIGEST = hashlib.sha256(OBJECT).hexdigest()
AWS = """#!/bin/bash
echo "aws $*" >> {log}
case "$1" in
  ssm) echo "s3://bucket/{name}.pyz" ;;
  s3) {fetch} ;;
esac
"""
NOTE = '#!/bin/bash\necho "{name} $*" >> {log}\n'
LAST_WORD = (
    "bootstrap-missing: the archive that the stack published is not here (found: {found}). Attach the stack's node-policy to"
    " the node's role, then run the user data again: docs/runbook.md, A node without multus-node."
)
pytestmark = pytest.mark.subprocesses("bash")


def test_there_are_three_lines_for_every_stack_and_group() -> None:
    assert len(user_data.THREE_LINES.splitlines()) == 3
    script = user_data.script("MultusEni-fleet", "user-plane")
    assert "/multus-eni/MultusEni-fleet/node-bootstrap " in script
    assert script.endswith("install --node-group user-plane\n")
    assert "{" not in script.replace("${", "").replace("{print", "")


def test_user_data_is_one_shell_script_in_mime() -> None:
    text = user_data.multipart(user_data.shell(user_data.script("MultusEni-fleet", "user-plane")))
    message = email.message_from_string(text)
    assert message.get_content_type() == "multipart/mixed"
    assert message.defects == []
    (part,) = [each for each in message.walk() if not each.is_multipart()]
    assert part.get_content_type() == "text/x-shellscript"
    payload = part.get_payload()
    assert isinstance(payload, str)
    assert payload.startswith("#!/bin/bash\nset -euo pipefail\n")
    assert payload.strip() == user_data.script("MultusEni-fleet", "user-plane").strip()
    assert payload.isascii()


def test_bash_accepts_the_script() -> None:
    done = subprocess.run(
        ["bash", "-n"],  # noqa: S607 - wherever it is
        input=user_data.script("o", "g").encode(),
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


class Node:
    """A folder in place of a node's root, with programs that note how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.log.write_text("")
        self.said: list[str] = []
        (root / "bin").mkdir()
        for name in ("systemctl", "python3", "sleep"):
            self.program(name, NOTE.format(name=name, log=self.log))

    def program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self) -> int:
        """Run the script with the node's paths below the folder, and return its exit code; `said` is its stderr then."""
        script = user_data.script("MultusEni-fleet", "user-plane")
        for path in ("/etc/systemd", "/run/multus-node.pyz"):
            script = script.replace(path, f"{self.root}{path}")
        script = script.replace("/usr/bin/python3", "python3")
        (self.root / "run").mkdir(exist_ok=True)
        done = subprocess.run(  # noqa: S603 - the script under test
            ["bash", "-c", script],  # noqa: S607 - wherever it is
            env={"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            timeout=30,
            check=False,
        )
        self.said = done.stderr.decode().splitlines()
        return done.returncode

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    @property
    def gate_shut(self) -> bool:
        folder = self.root / "etc/systemd/system"
        return all(
            "\nAssertPathExists=/run/multus-node/kubelet-may-start\n"
            in (folder / f"{unit}.service.d" / layout.DROP_IN).read_text()
            for unit in ("nodeadm-run", "kubelet")
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def aws(node: Node, *, name: str = DIGEST, fetch: str = "") -> None:
    stored = f"printf '{OBJECT.decode()}' > \"$5\""
    node.program("aws", AWS.format(log=node.log, name=name, fetch=fetch or stored))


def test_the_gate_is_shut_before_the_archive_is_fetched_checked_and_run(node: Node) -> None:
    aws(node)
    assert (node.run(), node.said) == (0, [])
    assert node.gate_shut
    assert node.calls == [
        "systemctl daemon-reload",
        "aws ssm get-parameter --name /multus-eni/MultusEni-fleet/node-bootstrap"
        " --query Parameter.Value --output text",
        f"aws s3 cp --only-show-errors s3://bucket/{DIGEST}.pyz {node.root}/run/multus-node.pyz",
        f"python3 -IS {node.root}/run/multus-node.pyz install --node-group user-plane",
    ]


def test_an_archive_that_is_not_what_was_published_is_never_run(node: Node) -> None:
    aws(node, name="0" * 64)
    assert node.run() != 0
    assert node.gate_shut
    assert not [call for call in node.calls if call.startswith("python3")]


def test_a_node_that_cannot_fetch_fails_with_the_gate_shut(node: Node) -> None:
    aws(node, fetch="exit 1")
    assert node.run() != 0
    assert node.said[-1] == LAST_WORD.format(found=f"s3://bucket/{DIGEST}.pyz")
    assert node.gate_shut
    assert len([call for call in node.calls if call.startswith("aws s3")]) == 5
    assert not [call for call in node.calls if call.startswith("python3")]


def test_a_node_that_cannot_read_the_parameter_fails_with_the_gate_shut(node: Node) -> None:
    node.program("aws", "#!/bin/bash\nexit 254\n")
    assert node.run() != 0
    assert node.said[-1] == LAST_WORD.format(found="no parameter")
    assert node.gate_shut


def test_what_comes_late_is_fetched_all_the_same(node: Node) -> None:
    """IAM spreads a policy in seconds: the first calls are refused."""
    once = f"test -e {node.root}/tried || {{ touch {node.root}/tried; exit 1; }}"
    aws(node, fetch=f"{once}; printf '{OBJECT.decode()}' > \"$5\"")
    assert node.run() == 0
    assert "sleep 5" in node.calls


def test_the_readme_has_the_lines_that_the_stack_publishes() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    _, _, lines = user_data.script("MultusEni-example", "user-plane").split("\n", 2)
    assert f"```bash\n{lines}```" in readme


def test_the_runbook_has_the_section_that_the_last_line_names() -> None:
    runbook = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
    (section,) = (part for part in runbook.split("\n## ") if "\nbootstrap-missing: " in part)
    assert section.splitlines()[0] == "A node without multus-node"
