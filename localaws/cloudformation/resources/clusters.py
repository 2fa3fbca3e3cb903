"""AWS::EKS: who may join a cluster."""

from __future__ import annotations

from localaws.cloudformation.resources.handler import Handler, Made, Request
from localaws.rules import Rule

NODE_TYPES = frozenset({"EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"})
NODES_HAVE_NO_OTHERS = Rule(
    code="InvalidParameterException",
    message="{key} cannot be set for an access entry of type {kind}",
    source="EKS API reference, CreateAccessEntry: with a node type no kubernetesGroups and no access policies; wording assumed",
)

NO_ENTRIES = Rule(
    code="InvalidRequestException",
    message="The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    source='EKS User Guide, "Change authentication mode to use access entries"; wording: aws-ia/terraform-aws-eks-blueprints#1877',
)


def _create_entry(request: Request) -> Made:
    """Make an access entry, of a cluster and for a role that there are.

    Source: EKS API reference, CreateAccessEntry: ResourceNotFoundException without the cluster, InvalidParameterException
    without the principal, InvalidRequestException where there are no access entries.
    """
    request.only("AccessPolicies", "ClusterName", "KubernetesGroups", "PrincipalArn", "Type")
    cluster, principal = request.properties["ClusterName"], request.properties["PrincipalArn"]
    _check(request)
    described = request.client("eks").describe_cluster(name=cluster)["cluster"]
    if described["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise NO_ENTRIES.refusal()
    request.client("iam").get_role(RoleName=principal.rpartition("/")[2])
    entry = described["arn"].replace(":cluster/", ":access-entry/")
    return Made(
        f"{principal}|{cluster}",
        {"AccessEntryArn": f"{entry}/role/{request.account_id}/{principal.rpartition('/')[2]}"},
    )


def _update_entry(request: Request) -> Made:
    _check(request)
    return Made(request.physical_id, request.attributes)


def _check(request: Request) -> None:
    kind = request.properties.get("Type", "STANDARD")
    for key in ("AccessPolicies", "KubernetesGroups"):
        if kind in NODE_TYPES and request.properties.get(key):
            raise NODES_HAVE_NO_OTHERS.refusal(key=key, kind=kind)


def _delete_entry(_request: Request) -> None:
    return


HANDLERS = {"AWS::EKS::AccessEntry": Handler(_create_entry, _update_entry, _delete_entry)}
"""An entry is nothing but what its cluster answers a node, and here no node joins: it is held against what it names."""
