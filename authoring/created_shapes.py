"""The shapes of single values that only a created node group or its cluster has."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from authoring.shapes import Shape, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

_ARN = r"arn:aws[a-z-]*:"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"

VpcIdText = Annotated[
    str, Shape(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})", "is not a VPC id", "Write `vpc-` and its digits.")
]
AmiId = Annotated[
    str,
    Shape(
        r"ami-([0-9a-f]{8}|[0-9a-f]{17})",
        "is not an image id",
        "Write `ami-` and its digits, or leave it out for the recommended EKS image.",
    ),
]
Endpoint = Annotated[
    str,
    Shape(
        r"https://[A-Za-z0-9.-]+(:[0-9]+)?/?",
        "is not the address of an API server",
        "Write it as `aws eks describe-cluster` shows it, like https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com.",
    ),
]
KubernetesVersion = Annotated[
    str,
    Shape(
        r"1\.[0-9]{2}",
        "is not a Kubernetes version",
        'Write it in quotes, like "1.33": without them YAML reads a number.',
    ),
]
KeyPairName = Annotated[
    str,
    Shape(
        r"[!-~]([ -~]*[!-~])?",
        "is not the name of a key pair",
        "Write the name as `aws ec2 describe-key-pairs` shows it.",
    ),
]
PlacementGroupName = Annotated[
    str,
    Shape(
        r"[!-~]([ -~]*[!-~])?",
        "is not the name of a placement group",
        "Write the name as `aws ec2 describe-placement-groups` shows it.",
    ),
]
PolicyArn = Annotated[
    str,
    Shape(
        rf"{_ARN}iam::(aws|[0-9]{{12}}):policy/[A-Za-z0-9+=,.@_/-]+",
        "is not the ARN of a managed policy",
        "Write it like arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore.",
        max_length=2048,
    ),
]
KmsKeyArn = Annotated[
    str,
    Shape(
        rf"{_ARN}kms:[a-z0-9-]+:[0-9]{{12}}:(key|alias)/[A-Za-z0-9/_-]+",
        "is not the ARN of a KMS key",
        "Write it like arn:aws:kms:us-east-1:123456789012:key/… .",
        max_length=2048,
    ),
]


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise refusal(
            "is not base64", "Write `certificateAuthority.data` as EKS shows it, on one line."
        ) from None
    return text


Certificate = Annotated[str, Field(min_length=1), AfterValidator(_base64)]


LabelValue = Annotated[
    str,
    Shape(
        rf"({_NAME})?",
        "is not a label's value",
        "Write at most 63 letters, digits, dots, hyphens and underscores, the first and the last a letter or a digit.",
        max_length=63,
    ),
]
"""IsValidLabelValue in Kubernetes' apimachinery, which a taint's value has to be as well."""


_LONGEST_NAME = 63
_LONGEST_DOMAIN = 253


def qualified(key: str) -> str:
    """Return a key of a label or a taint.

    Raises:
        PydanticCustomError: it is no qualified name (IsQualifiedName in Kubernetes' apimachinery).
    """
    domain, slash, name = key.rpartition("/")
    if (
        len(name) > _LONGEST_NAME
        or len(domain) > _LONGEST_DOMAIN
        or not re.fullmatch(_NAME, name)
        or (slash and not re.fullmatch(_DOMAIN, domain))
    ):
        raise refusal(
            "is not a key of Kubernetes",
            "Write a name of at most 63 characters, like role, or one in a domain, like example.com/role.",
        )
    return key


_KUBELETS_OWN = ("kubelet.kubernetes.io", "node.kubernetes.io")
_ALLOWED = frozenset(
    {
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
"""What kubelet may say of itself in Kubernetes' own domains (kubelet, ValidateKubeletFlags); with any other it does not
start."""


def _label(key: str) -> str:
    domain = qualified(key).rpartition("/")[0]
    if domain == "multus-eni.io":
        raise refusal(
            "is a label that the bootstrap sets itself", "Use another key, or a domain of your own."
        )
    own = any(domain == each or domain.endswith(f".{each}") for each in _KUBELETS_OWN)
    reserved = any(
        domain == each or domain.endswith(f".{each}") for each in ("kubernetes.io", "k8s.io")
    )
    if reserved and not own and key not in _ALLOWED:
        raise refusal(
            "is in a domain of Kubernetes in which a kubelet may not label itself, and would not start",
            "Use a domain of your own, or node.kubernetes.io/…; node-role.kubernetes.io is set with kubectl.",
        )
    return key


LabelKey = Annotated[str, AfterValidator(_label)]
TaintKey = Annotated[str, AfterValidator(qualified)]

_SAID_ELSEWHERE = {
    "--node-labels": "labels",
    "--register-with-taints": "taints",
    "--cpu-manager-policy": "cpu_manager_policy",
    "--topology-manager-policy": "topology_manager_policy",
    "--reserved-cpus": "reserved_cpus",
    "--max-pods": "max_pods of `node:`",
}


_FOUND_BY = "EKS finds the instance of a node by it."
_OF_THE_CLUSTER = "it is made of what `cluster:` says, or the cluster itself."
_READY = "a node asks there whether kubelet is well before it says that it is ready."
_NODEADMS = {
    "--hostname-override": "EKS lets a node in under no name but EC2's for its instance.",
    "--cloud-provider": _FOUND_BY,
    "--provider-id": _FOUND_BY,
    "--node-ip": "it is the address of the primary interface.",
    "--config": "kubelet would know nothing of what nodeadm and the other keys write; many settings have an argument of their own.",
    "--config-dir": "kubelet would know nothing of what the other keys write; many settings have an argument of their own.",
    "--kubeconfig": _OF_THE_CLUSTER,
    "--bootstrap-kubeconfig": _OF_THE_CLUSTER,
    "--client-ca-file": _OF_THE_CLUSTER,
    "--image-credential-provider-config": "with it kubelet logs in to ECR.",
    "--image-credential-provider-bin-dir": "with it kubelet logs in to ECR.",
    "--container-runtime-endpoint": "the image has containerd, and nodeadm sees to it.",
    "--healthz-port": _READY,
    "--healthz-bind-address": _READY,
    "--register-node": "a node that does not register is none of the cluster's.",
}
"""What nodeadm and kubelet itself decide, and why it has to stay so (awslabs/amazon-eks-ami, nodeadm/internal/kubelet). It puts our
arguments behind its own, and kubelet takes the last."""


def _kubelet_argument(text: str) -> str:
    name = text.partition("=")[0]
    key = _SAID_ELSEWHERE.get(name)
    if key is not None:
        raise refusal("is an argument that another key writes", f"Write {key} instead.")
    reason = _NODEADMS.get(name)
    if reason is not None:
        raise refusal("is an argument that has to stay as it is", f"Leave it out: {reason}")
    return text


KubeletArgument = Annotated[
    str,
    Shape(
        r"--[a-z0-9][a-z0-9-]*(=[!-~]*)?",
        "is not an argument of kubelet",
        "Write it as one word, like --v=4.",
        max_length=1024,
    ),
    AfterValidator(_kubelet_argument),
]


def cpus(text: str) -> frozenset[int]:
    """Return the CPUs of a list in the kernel's notation, which kubelet reads as well: 0-1,4.

    Raises:
        ValueError: it is no such list.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        numbers = range(int(first), int(last if dash else first) + 1)
        if not numbers or found & set(numbers):
            raise ValueError(f"{part} is empty or there before")
        found |= set(numbers)
    return frozenset(found)


def canonical(text: str) -> str:
    """Return a list of CPUs as the kernel prints it: 2,3,4 as 2-4."""
    return listed(cpus(text))


def listed(numbers: Iterable[int]) -> str:
    """Return CPUs as the kernel prints them: 2-4,8."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _cpu_list(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*", text):
        try:
            cpus(text)
        except ValueError:
            pass
        else:
            return text
    raise refusal(
        "is not a list of CPUs",
        "Write numbers and ranges, each CPU once, like 2-15 or 2-7,10-15, in quotes.",
    )


CpuList = Annotated[str, AfterValidator(_cpu_list)]
