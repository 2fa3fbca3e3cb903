"""The shapes of single values (names, ids, bounded numbers), each with what to say when a value does not fit."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from domain import naming, tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

REFUSED = "refused"
"""The type of every pydantic error that already carries our message and remedy."""


def refusal(message: str, remedy: str) -> PydanticCustomError:
    """Return the error that pydantic reports with our own words."""
    return PydanticCustomError(REFUSED, "{message}", {"message": message, "remedy": remedy})


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one, or None when none is like it."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


@dataclass(frozen=True)
class Shape:
    """Text that matches a pattern as a whole and is not longer than `max_length` characters."""

    pattern: str
    message: str
    remedy: str
    max_length: int = 255

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{self.pattern}$", "maxLength": self.max_length}

    def checked(self, text: str) -> str:
        """Return the text when it fits.

        Raises:
            PydanticCustomError: it does not; the error carries message and remedy.
        """
        if len(text) > self.max_length:
            raise refusal(
                f"has {len(text)} characters and may have {self.max_length}", "Shorten it."
            )
        if not re.fullmatch(self.pattern, text):
            raise refusal(self.message, self.remedy)
        return text


@dataclass(frozen=True)
class Between:
    """A whole number with bounds that a person is told in one sentence."""

    low: int
    high: int
    unit: str
    why: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "minimum": self.low, "maximum": self.high}

    def checked(self, number: int) -> int:
        """Return the number when it is within the bounds.

        Raises:
            PydanticCustomError: it is not; the error carries message and remedy.
        """
        if not self.low <= number <= self.high:
            raise refusal(
                f"must be {self.low} to {self.high} {self.unit}".rstrip(),
                self.why or "Correct the number.",
            )
        return number


_REGION = r"[a-z]{2,}(-[a-z]+)+-[0-9]+"
_ID = r"([0-9a-f]{8}|[0-9a-f]{17})"


def _no_groups_stack(name: str) -> str:
    if naming.GROUP_MARK in name:
        raise refusal(
            f"has {naming.GROUP_MARK} in it, as the stacks of created node groups have",
            "Choose another: of two stacks of one name CloudFormation would make one.",
        )
    return name


StackName = Annotated[
    str,
    Shape(
        r"[A-Za-z][A-Za-z0-9-]*",
        "must begin with a letter and have only letters, digits and hyphens",
        "It becomes part of the names of the stack, its hooks, queues and functions.",
        max_length=32,
    ),
    AfterValidator(_no_groups_stack),
]
"""32 characters leave room in the tightest name made from it: a Lambda function's or a role's 64
(`MultusEni-` + name + what it is for)."""

ClusterName = Annotated[
    str,
    Shape(
        r"[0-9A-Za-z][A-Za-z0-9_-]*",
        "is not the name of an EKS cluster",
        "Write the name as `aws eks list-clusters` shows it.",
        max_length=100,
    ),
]
"""The pattern of ClusterName in the EKS API model."""

RegionName = Annotated[
    str, Shape(_REGION, "is not the name of a Region", "Write it like us-east-1.")
]
AccountId = Annotated[
    str, Shape(r"[0-9]{12}", "is not an account id", "Write its 12 digits in quotes.")
]
TopicArn = Annotated[
    str,
    Shape(
        rf"arn:aws[a-z-]*:sns:{_REGION}:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}",
        "is not the ARN of an SNS topic",
        "Write it like arn:aws:sns:us-east-1:123456789012:on-call.",
        max_length=512,
    ),
]
AutoScalingGroupName = Annotated[
    str,
    Shape(
        r"[!-#%-)+-9;->@-~]+",
        "is not the name of an Auto Scaling group (or has one of the characters * ? $ :)",
        "Write the group's name, not its ARN; for a managed node group it is in `aws eks describe-nodegroup`.",
    ),
]
ManagedNodeGroupName = Annotated[
    str,
    Shape(
        r"[0-9A-Za-z][A-Za-z0-9_-]*",
        "is not the name of a managed node group",
        "Write the name as `aws eks list-nodegroups --cluster-name ...` shows it.",
        max_length=63,
    ),
]
"""What EKS takes (EKS API reference, CreateNodegroup: at most 63 letters, digits, hyphens and underscores)."""

GroupLabel = Annotated[
    str,
    Shape(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "must have only lower-case letters, digits and inner hyphens",
        "It becomes a tag value and part of a parameter's name.",
        max_length=63,
    ),
]


def _link_name(name: str) -> str:
    if re.fullmatch(r"lo|all|default|(eth|en[iops])[0-9].*", name):
        raise refusal(
            "is a name that Linux or the VPC CNI gives to its own links",
            "Name the interface for its network, like n3 or oam.",
        )
    return name


InterfaceName = Annotated[
    str,
    Shape(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "must have only lower-case letters, digits and inner hyphens",
        "It may become the name of a Linux link, which has at most 15 characters.",
        max_length=15,
    ),
    AfterValidator(_link_name),
]
"""Linux keeps link names in 16 bytes, the closing NUL included (IFNAMSIZ in linux/if.h)."""

_OTHERS_LINKS = re.compile(
    r"all|default|lo"
    r"|(eth|wlan|en[iops]|enP|wl[op]|ww[op]|dummy|docker|cni|tunl|vlan)[0-9].*"
    r"|enx[0-9a-f]{12}|(eni|veth)[0-9a-f]{6,}|cilium_.*|flannel\..*|nodelocaldns|kube-ipvs0"
)


def _free_link_name(name: str) -> str:
    if _OTHERS_LINKS.fullmatch(name):
        raise refusal(
            "is a name that Linux, udev or a network plugin gives to its own links",
            "Choose one that is nobody else's, like mul0 or n3: a link cannot be renamed to a name that comes up "
            "later for another one.",
        )
    return name


LinkName = Annotated[
    str,
    Shape(
        r"[A-Za-z][A-Za-z0-9_-]*",
        "must begin with a letter and have only letters, digits, hyphens and underscores",
        "It is the link's name in files, rules and sysctl keys on the node.",
        max_length=15,
    ),
    AfterValidator(_free_link_name),
]
"""Narrower than the kernel (dev_valid_name in net/core/dev.c: at most 15 bytes, no slash, colon or space): no dot, which
sysctl keys separate with, and no digit in front, as an all-digit name is an index to iproute2 and systemd."""

ResourceName = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?",
        "is not the name of a device plugin's pool",
        "Write letters, digits, hyphens and underscores, like n3_dpdk; what stands before the slash is "
        "`resource_prefix` of the node group.",
        max_length=63,
    ),
]
"""What both take: the SR-IOV device plugin (ValidResourceName, ^[a-zA-Z0-9_-]+$) and Kubernetes (a qualified name)."""


def _extended_resource_prefix(prefix: str) -> str:
    if "kubernetes.io" in prefix or prefix.startswith("requests."):
        raise refusal(
            "is a prefix that Kubernetes keeps for itself",
            "Use a domain of your own, or leave it out for multus-eni.io.",
        )
    return prefix


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
ResourcePrefix = Annotated[
    str,
    Shape(
        rf"{_LABEL}(\.{_LABEL})+",
        "is not a domain name",
        "Write one like multus-eni.io; pods ask for `<resource_prefix>/<resource>`.",
        max_length=244,
    ),
    AfterValidator(_extended_resource_prefix),
]
"""An extended resource's prefix (IsExtendedResourceName in Kubernetes). The quota's name puts `requests.` in front of it,
and all of that must be a DNS name of at most 253 characters."""


_RP_FILTERS = ("off", "strict", "loose")
"""By the kernel's number (rp_filter in its ip-sysctl documentation)."""


def _rp_filter(written: object) -> object:
    if written is False:
        return "off"  # as YAML 1.1 reads it without quotes
    if isinstance(written, int) and written is not True and 0 <= written < len(_RP_FILTERS):
        return _RP_FILTERS[written]
    if written not in _RP_FILTERS:
        raise refusal(
            "is no mode of the reverse path filter",
            "Write off, strict or loose, or the kernel's number for it: 0, 1 or 2.",
        )
    return written


RpFilter = Annotated[
    Literal["off", "strict", "loose"],
    BeforeValidator(_rp_filter),
    WithJsonSchema({"enum": [*_RP_FILTERS, False, 0, 1, 2]}),
]

ZoneName = Annotated[
    str,
    Shape(
        rf"{_REGION}([a-z]|-[a-z]{{3,}}-[0-9]+[a-z]|-wl[0-9]+-[a-z]+-wlz-[0-9]+)",
        "is not the name of a zone",
        "Write a zone's name like us-east-1a, or us-west-2-lax-1a for a Local Zone; a zone id like use1-az1 will not do.",
    ),
]


def region_of(zone: str) -> str:
    """Return the Region in a zone's name: us-west-2 of us-west-2-lax-1a; the text itself where there is none in it."""
    found = re.match(_REGION, zone)
    return found[0] if found else zone


SubnetIdText = Annotated[
    str,
    Shape(
        f"subnet-{_ID}",
        "is not a subnet id",
        "Write `subnet-` and 8 or 17 hexadecimal digits, as the console shows it.",
    ),
]
SecurityGroupIdText = Annotated[
    str,
    Shape(
        f"sg-{_ID}",
        "is not a security group id",
        "Write `sg-` and 8 or 17 hexadecimal digits, as the console shows it.",
    ),
]
InstanceTypeName = Annotated[str, Field(json_schema_extra={"pattern": r"^[a-z0-9-]+\.[a-z0-9-]+$"})]
"""Whether there is such a type is for `authoring.checks` to say."""

Namespace = Annotated[
    str,
    Shape(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        "is not the name of a namespace",
        "Write it as `kubectl get namespaces` shows it.",
        max_length=63,
    ),
]
"""A DNS label (RFC 1123), as Kubernetes takes it (Kubernetes, "Object Names and IDs")."""

SysctlKey = Annotated[
    str,
    Shape(
        r"net(\.[A-Za-z0-9_-]+){2,}",
        "is not a sysctl of a pod's network",
        "Write one below `net.` with dots, and IFNAME for the pod's link: net.ipv4.conf.IFNAME.arp_notify.",
    ),
]
"""What CNI's tuning plugin writes: it puts a slash for each dot and the link's name for IFNAME, and refuses what is not below
/proc/sys/net (containernetworking/plugins, plugins/meta/tuning/tuning.go, cmdAdd)."""

SysctlValue = Annotated[
    str, Shape(r"[!-~]+( [!-~]+)*", "is not a sysctl's value", "Write words or numbers.")
]


def _tag_key(key: str) -> str:
    if not 1 <= len(key) <= tags.MAX_KEY_LENGTH:
        raise refusal(
            f"is a tag key of {len(key)} characters",
            f"Tag keys have 1 to {tags.MAX_KEY_LENGTH} characters.",
        )
    return key


def _own_tag_key(key: str) -> str:
    prefix = next((p for p in tags.RESERVED_PREFIXES if key.lower().startswith(p)), None)
    if prefix is not None:
        raise refusal(f"is a reserved tag key ({prefix}…)", _WHY_RESERVED[prefix])
    if key == tags.NAME:
        raise refusal(
            "is a tag that the product sets itself, from stack, node group and interface",
            "Use another key.",
        )
    return _tag_key(key)


_WHY_RESERVED = {
    "aws:": "AWS keeps this prefix for itself; use another key.",
    tags.PREFIX: "The product keeps its own record under this prefix; use another key.",
    "node.k8s.amazonaws.com/": "The VPC CNI decides by these keys which network interfaces it takes over and "
    "which it deletes as leaked; leave the tag out, no_manage is set for you.",
    "cluster.k8s.amazonaws.com/": "The VPC CNI selects by these keys the network interfaces that it deletes as "
    "leaked; leave the tag out.",
}


def _tag_value(value: str) -> str:
    if len(value) > tags.MAX_VALUE_LENGTH:
        raise refusal(
            f"is a tag value of {len(value)} characters",
            f"Tag values have at most {tags.MAX_VALUE_LENGTH} characters.",
        )
    return value


def _sought_value(value: str) -> str:
    if set(value) & set("*?"):
        raise refusal(
            "has a wildcard, which EC2 would follow and IAM would take to the letter",
            "Write the whole value of the tag.",
        )
    return _tag_value(value)


SoughtTagValue = Annotated[
    str,
    AfterValidator(_sought_value),
    Field(json_schema_extra={"maxLength": tags.MAX_VALUE_LENGTH, "pattern": "^[^*?]*$"}),
]
"""A value to select by: EC2's filters know the wildcards * and ?, a StringEquals in a policy does not."""
TagKey = Annotated[str, AfterValidator(_tag_key)]
"""A key to select by: any prefix will do."""
OwnTagKey = Annotated[str, AfterValidator(_own_tag_key)]
"""A key to set on a network interface."""
TagValue = Annotated[
    str, AfterValidator(_tag_value), Field(json_schema_extra={"maxLength": tags.MAX_VALUE_LENGTH})
]

_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
    1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def _retention(days: int) -> int:
    if days not in _RETENTION_DAYS:
        closest = min(_RETENTION_DAYS, key=lambda known: abs(known - days))
        raise refusal(
            "is not a retention that CloudWatch Logs offers",
            f"The nearest is {closest}; all are {', '.join(map(str, _RETENTION_DAYS))}.",
        )
    return days


RetentionDays = Annotated[
    int, AfterValidator(_retention), Field(json_schema_extra={"enum": list(_RETENTION_DAYS)})
]
"""The values that PutRetentionPolicy takes (CloudWatch Logs API reference)."""
