"""What a node runs of its user data: three lines that stay right when the stack changes."""

from __future__ import annotations

from dataclasses import dataclass

from domain import naming
from domain.node import layout

LEAF = "node-bootstrap"
"""Of the parameter that says where the archive is."""

SHUT = (
    "for unit in nodeadm-run kubelet; do folder=/etc/systemd/system/$unit.service.d; mkdir -p $folder; "
    rf"printf '[Unit]\nAfter=multus-node.service\nAssertPathExists={layout.READY}\n' > $folder/{layout.DROP_IN}; "
    "done; systemctl daemon-reload"
)
"""kubelet waits for the bootstrap from here on, whatever becomes of the lines below, and after a reboot too. A node that
could not even fetch the bootstrap knows no policy but this one."""
FETCH = (
    "for pause in 5 10 20 40 0; do "
    "uri=$(aws ssm get-parameter --name {parameter} --query Parameter.Value --output text) && "
    f'aws s3 cp --only-show-errors "$uri" {layout.FETCHED} && break || sleep $pause; done; '
    f'digest=$(basename "$uri" .pyz); if ! echo "$digest  {layout.FETCHED}" | sha256sum --check --quiet; then '
    'echo "bootstrap-missing: the archive that the stack published is not here (found: ${uri:-no parameter}). '
    "Attach the stack's node-policy to the node's role, then run the user data again: docs/runbook.md, "
    'A node without multus-node." >&2; exit 1; fi'
)
"""The parameter is read at boot, so a launch template need not change when the stack does. The object is named by its own
SHA-256. The pauses are for a role whose policy IAM has not spread yet and for the moment between two resources of an
update; AWS CLI v2 takes the Region from the metadata service. cloud-init runs this once in an instance's life, so the line
that says what is wrong is the last word of a node that could not fetch the bootstrap."""
INSTALL = f"{layout.PYTHON} {layout.FETCHED} install --node-group {{node_group}}"

THREE_LINES = f"{SHUT}\n{FETCH}\n{INSTALL}\n"
"""With `{{parameter}}` and `{{node_group}}` to fill in."""

BOUNDARY = "==MULTUS-NODE=="


@dataclass(frozen=True)
class Part:
    """A part of MIME user data."""

    content_type: str
    text: str


def script(owner: str, node_group: str, *, before_fetching: str = "") -> str:
    """Return the shell script for a node group's nodes.

    Args:
        owner: the stack's name.
        node_group: the group's name in the configuration.
        before_fetching: lines to run once the gate is shut, each with its end.
    """
    filled = THREE_LINES.replace("{parameter}", naming.parameter(owner, LEAF)).replace(
        "{node_group}", node_group
    )
    shut, rest = filled[: len(SHUT) + 1], filled[len(SHUT) + 1 :]
    return f"#!/bin/bash\nset -euo pipefail\n{shut}{before_fetching}{rest}"


def shell(text: str) -> Part:
    """Return a shell script as a part: cloud-init runs it once, late in an instance's first boot."""
    return Part('text/x-shellscript; charset="us-ascii"', text)


def multipart(*parts: Part) -> str:
    """Return user data of several parts.

    EKS adds its own part to that of a managed node group; for other nodes put the `application/node.eks.aws` part
    beside it (EKS User Guide, "Customize managed nodes with launch templates").
    """
    bodies = "".join(
        f"--{BOUNDARY}\nContent-Type: {part.content_type}\n\n{part.text}\n" for part in parts
    )
    return (
        "MIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"\n\n'
        f"{bodies}--{BOUNDARY}--\n"
    )
