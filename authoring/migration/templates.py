"""The versions of the sample, told apart by their parameters; from each, the interfaces that it attaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.migration.source import Source

_SUBNETS, _AZ1, _AZ2 = "MultusSubnets", "MultusSubnetsAz1", "MultusSubnetsAz2"
_GUIDE_GROUPS, _LIST_GROUPS = "MultusSecurityGroups", "MultusSecurityGroupIds"
_NUMBERED_SUBNET = re.compile(r"MultusSubnet([1-9][0-9]?)")
_FROM_START = "useIPsFromStartOfSubnet"
_LAMBDA = "LambdaS3Key"


@dataclass(frozen=True)
class Template:
    """One version of the sample."""

    where: str
    subnets: tuple[str, ...]
    """The parameters with lists of subnets, one per Availability Zone; or those with one subnet each."""
    groups: tuple[str, ...]
    """The parameter with the security groups; or those with one each."""
    tags: str | None = None
    """The parameter with tags for the interfaces."""
    from_start: str | None = None
    """The parameter that says whether addresses are taken from the start of the subnet."""
    ipv6: tuple[str, ...] | None = ()
    """Empty where an interface gets an IPv6 address when its subnet has a range; None where it never does; otherwise the
    parameters that say so, one per interface."""
    is_numbered: bool = False
    """Whether each parameter has one subnet."""
    is_managed: bool = False
    """Whether it has only the function, for node groups that EKS manages: no group, no hook and no cluster's name."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The parameters without which nothing can be written."""
        own = () if self.is_managed else ("ClusterName", "NodeGroupName")
        return (*own, *self.subnets, *self.groups)


_NODE_GROUP = frozenset(
    {
        "BootstrapArguments", "ClusterControlPlaneSecurityGroup", "ClusterName", "DisableIMDSv1", "KeyName",
        "LambdaS3Bucket", _LAMBDA, "NodeAutoScalingGroupDesiredCapacity", "NodeAutoScalingGroupMaxSize",
        "NodeAutoScalingGroupMinSize", "NodeGroupName", "NodeImageId", "NodeImageIdSSMParam", "NodeInstanceType",
        "NodeVolumeSize", "Subnets", "VpcId",
    }
)  # fmt: skip
_MANAGED = frozenset({"EksNodeGroupTagKey", "LambdaS3Bucket", _LAMBDA})
KNOWN_TEMPLATES = (
    "eks-nodegroup-multus.yaml of aws-samples/eks-install-guide-for-multus, "
    "amazon-eks-nodegroup-multus*.yaml of aws-samples/cfn-nodegroup-for-multus-cni, and "
    "amazon-lambda-for-eksmng-multus.yaml of aws-samples/cfn-multus-eks-managed-ng"
)


def recognize(source: Source) -> Template | Problem:
    """Return which version of the sample a deployment is of, or why it is of none that is known."""
    names = frozenset(source.parameters)
    template = _told_by(names)
    if template is None:
        return Problem(
            source.label,
            ", ".join(sorted(names)) or "no parameters",
            "does not have the parameters of any version of the sample that is known",
            f"Known are {KNOWN_TEMPLATES}. The CDK variant has no parameters. Write the file by hand "
            "(docs/configuration.md); docs/migration.md says which of the steps are yours.",
        )
    if _LAMBDA not in names and not source.physical_ids("AWS::Lambda::Function"):
        return Problem(
            source.label,
            f"no {_LAMBDA}",
            "attaches its interfaces in the nodes' user data, not by a Lambda function",
            "Write the file by hand (docs/configuration.md), and take the attaching out of the launch template before "
            "the first node launches with it. Should a file of parameters merely lack it, add it.",
        )
    strangers = sorted(name for name in names - _known(template) if name.startswith("Multus"))
    if strangers:
        return Problem(
            source.label,
            ", ".join(strangers),
            f"has parameters for Multus that {template.where} does not have",
            "It is a version that is not known, and what is not understood would be lost. Write the file by hand "
            "(docs/configuration.md).",
        )
    return template


def _told_by(names: frozenset[str]) -> Template | None:
    if _AZ1 in names or _AZ2 in names:
        return Template(
            "amazon-lambda-for-eksmng-multus.yaml", (_AZ1, _AZ2), (_LIST_GROUPS,), "MultusInterfaceTags", _FROM_START,
            is_managed=True,
        )  # fmt: skip
    if _SUBNETS in names and _GUIDE_GROUPS in names:
        return Template(
            "eks-nodegroup-multus.yaml", (_SUBNETS,), (_GUIDE_GROUPS,), "InterfaceTags", _FROM_START
        )
    if _SUBNETS in names and _LIST_GROUPS in names:
        return Template("amazon-eks-nodegroup-multus.yaml", (_SUBNETS,), (_LIST_GROUPS,))
    numbers = sorted(int(found[1]) for name in names if (found := _NUMBERED_SUBNET.fullmatch(name)))
    return _numbered(names, numbers) if numbers else None


def _numbered(names: frozenset[str], numbers: list[int]) -> Template:
    """Return the version with a parameter per subnet, and one security group for all or one for each."""
    one = "MultusSecurityGroupId"
    groups = (one,) if one in names else tuple(f"{one}{number}" for number in numbers)
    asked = tuple(f"MultusIpv6Req{number}" for number in numbers)
    return Template(
        f"amazon-eks-nodegroup-multus-{len(numbers)}ENI{'s' if len(numbers) > 1 else ''}.yaml",
        tuple(f"MultusSubnet{number}" for number in numbers),
        groups,
        ipv6=asked if names & set(asked) else None,
        is_numbered=True,
    )


def _known(template: Template) -> frozenset[str]:
    own = {*template.subnets, *template.groups, *(template.ipv6 or ())}
    own |= {name for name in (template.tags, template.from_start) if name}
    return (_MANAGED if template.is_managed else _NODE_GROUP) | own


def unfamiliar(source: Source, template: Template) -> list[str]:
    """Return the parameters that the sample does not have: somebody changed the template."""
    return sorted(frozenset(source.parameters) - _known(template))


def lacking(source: Source, template: Template) -> Iterator[Problem]:
    """Yield every parameter that is needed and not there."""
    for name in template.needed:
        if not source.listed(name):
            yield Problem(
                f"{source.label}: {name}",
                source.parameters.get(name),
                "has no value",
                "Add it with the value that is deployed.",
            )
    # In a stack that lacks it, the template is older than the parameter; in a file, its default counts, which is true.
    if template.from_start and not source.from_stack and source.says(template.from_start) is None:
        yield Problem(
            f"{source.label}: {template.from_start}",
            None,
            "is not in the file, and the template's default is true in the versions that have it",
            "Add it with the value that is deployed; false where the template does not have the parameter.",
        )
