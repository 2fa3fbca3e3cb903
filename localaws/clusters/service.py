"""EKS of one embedded account: clusters that know their VPC and who gets in, and add-ons, which moto does not have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks import urls
from moto.eks.models import EKSBackend
from moto.eks.responses import EKSResponse

from localaws.patching import Patch
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moto.ec2.models.subnets import Subnet
    from moto.eks.models import Cluster

    from localaws.account import Account

    Handler = Callable[[EKSResponse], dict[str, Any]]

CLUSTER_NOT_FOUND = Rule(
    "ResourceNotFoundException",
    "No cluster found for name: {cluster}.",
    "botocore model eks 2017-11-01, shape ResourceNotFoundException; the words are moto's own",
    status=404,
)
ADDON_NOT_FOUND = Rule(
    "ResourceNotFoundException",
    "No addon: {addon} found in cluster: {cluster}",
    "botocore model eks 2017-11-01, DescribeAddon; wording assumed",
    status=404,
)
ADDON_EXISTS = Rule(
    "ResourceInUseException",
    "Addon already exists.",
    "botocore model eks 2017-11-01, CreateAddon; wording assumed",
    status=409,
)
SUBNETS_WITHOUT_IPV6 = Rule(
    "InvalidParameterException",
    "Subnets must have both IPv4 and IPv6 CIDR blocks for the IP family ipv6: {subnets}",
    "EKS API reference, KubernetesNetworkConfigRequest, ipFamily; code and wording assumed",
    status=400,
)
IPV4_SERVICES_OF_IPV6 = Rule(
    "InvalidParameterException",
    "serviceIpv4Cidr cannot be specified for the IP family ipv6",
    "EKS API reference, KubernetesNetworkConfigRequest, serviceIpv4Cidr; code and wording assumed",
    status=400,
)
NOT_MODELLED = Rule(
    "LocalAws.NotModelled",
    "{what} is not modelled",
    "localaws.clusters: AWS never answers this; the embedded account refuses what it would do wrong",
)
IPV4_SERVICES, IPV6_SERVICES = "10.100.0.0/16", "fd3c:9a51:7b20::/108"
"""EKS chooses them: of two IPv4 ranges one, and a part of fc00::/7 that nobody can name (EKS API reference,
KubernetesNetworkConfigRequest and KubernetesNetworkConfigResponse). This one is the account's own."""
DEFAULT_MODE = "CONFIG_MAP"
"""The authentication mode of a cluster that is made over the API and asks for none (EKS API reference, CreateAccessConfigRequest)."""

_PATHS = (
    "{0}/clusters/(?P<name>[^/]+)/addons$",
    "{0}/clusters/(?P<name>[^/]+)/addons/(?P<addonName>[^/]+)$",
)


class Clusters:
    """EKS's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._addons: dict[Cluster, dict[str, dict[str, Any]]] = {}

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's EKS, and what it lacks."""
        more = dict.fromkeys(_PATHS, EKSResponse.dispatch)
        yield Patch(urls, "url_paths", lambda original: {**original, **more})
        yield Patch(EKSBackend, "create_cluster", self._creating)
        yield Patch(EKSResponse, "create_cluster", _with_access_config)
        yield Patch(EKSResponse, "create_addon", partial(self._action, self._create), adds=True)
        yield Patch(EKSResponse, "describe_addon", partial(self._action, self._describe), adds=True)

    def _creating(self, original: Callable[..., Cluster]) -> Callable[..., Cluster]:
        """Let a cluster know the VPC of its subnets and its IP family, and give it its security group.

        Source: EKS API reference, VpcConfigResponse: vpcId, and clusterSecurityGroupId, which EKS creates with the cluster.
        """

        def create(backend: EKSBackend, **parameters: Any) -> Cluster:  # noqa: ANN401 - moto's parameters
            ec2: Any = ec2_backends[backend.account_id][backend.region_name]
            network = parameters["resources_vpc_config"]
            subnets = ec2.describe_subnets(network["subnetIds"])
            vpcs = {subnet.vpc_id for subnet in subnets}
            if len(vpcs) != 1:
                raise NOT_MODELLED.refusal(what="a cluster whose subnets are not in one VPC")
            vpc = vpcs.pop()
            services = _services(parameters.get("kubernetes_network_config") or {}, subnets)
            written = {"resources_vpc_config": network, "kubernetes_network_config": services}
            cluster = original(backend, **{**parameters, **written})
            group = ec2.create_security_group(
                f"eks-cluster-sg-{cluster.name}", "EKS created security group", vpc_id=vpc
            )
            known = {"vpcId": vpc, "clusterSecurityGroupId": group.id}
            cluster.resources_vpc_config = {**network, **known}
            return cluster

        return create

    def _action(self, handler: Handler, _original: object) -> Callable[[EKSResponse], ActionResult]:
        def act(response: EKSResponse) -> ActionResult:
            with self._account.lock:
                return ActionResult({"addon": handler(response)})

        return act

    def _create(self, response: EKSResponse) -> dict[str, Any]:
        cluster, name = self._cluster(response), response._get_param("addonName")
        version = response._get_param("addonVersion")
        if not version:
            raise NOT_MODELLED.refusal(what="an add-on's default version")
        addons = self._addons.setdefault(cluster, {})
        if name in addons:
            raise ADDON_EXISTS.refusal()
        addons[name] = {
            "addonName": name,
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "addonVersion": version,
            "configurationValues": response._get_param("configurationValues"),
            "serviceAccountRoleArn": response._get_param("serviceAccountRoleArn"),
            "podIdentityAssociations": _associations(
                cluster, response._get_param("podIdentityAssociations") or []
            ),
        }
        return addons[name]

    def _describe(self, response: EKSResponse) -> dict[str, Any]:
        cluster, name = self._cluster(response), response._get_param("addonName")
        found = self._addons.get(cluster, {}).get(name)
        if found is None:
            raise ADDON_NOT_FOUND.refusal(addon=name, cluster=cluster.name)
        return found

    def _cluster(self, response: EKSResponse) -> Cluster:
        name = response._get_param("name")
        cluster = response.eks_backend.clusters.get(name)
        if cluster is None:
            raise CLUSTER_NOT_FOUND.refusal(cluster=name)
        return cluster


def _services(asked: dict[str, Any], subnets: Iterable[Subnet]) -> dict[str, str]:
    """Return the addresses of a cluster's services, as DescribeCluster shows them.

    Raises:
        Refusal: an IPv6 cluster cannot be had as it is asked for.
    """
    family = asked.get("ipFamily", "ipv4")
    if family != "ipv6":
        return {"ipFamily": family, "serviceIpv4Cidr": asked.get("serviceIpv4Cidr", IPV4_SERVICES)}
    if "serviceIpv4Cidr" in asked:
        raise IPV4_SERVICES_OF_IPV6.refusal()
    short = [each.id for each in subnets if each.ipv6_native or not _has_ipv6(each)]
    if short:
        raise SUBNETS_WITHOUT_IPV6.refusal(subnets=", ".join(sorted(short)))
    return {"ipFamily": family, "serviceIpv6Cidr": IPV6_SERVICES}


def _has_ipv6(subnet: Subnet) -> bool:
    return any(
        each["ipv6CidrBlockState"]["State"] == "associated"
        for each in subnet.ipv6_cidr_block_associations.values()
    )


def _associations(cluster: Cluster, asked: list[dict[str, str]]) -> list[str]:
    """Return the ARNs of an add-on's own pod identity associations, which DescribeAddon shows without their roles.

    Source: EKS API reference, AddonPodIdentityAssociations and Addon; Service Authorization Reference, "Amazon EKS", resource
    podidentityassociation. The ids are this account's own.
    """
    place = cluster.arn.replace(":cluster/", ":podidentityassociation/")
    return [f"{place}/a-{number:017}" for number, _ in enumerate(asked, start=1)]


def _with_access_config(
    original: Callable[[EKSResponse], ActionResult],
) -> Callable[[EKSResponse], ActionResult]:
    """Let a cluster know how principals are let in.

    Source: EKS API reference, AccessConfigResponse.
    """

    def create(response: EKSResponse) -> ActionResult:
        made = original(response)
        asked = response._get_param("accessConfig") or {}
        cluster: Any = response.eks_backend.clusters[response._get_param("name")]
        cluster.access_config = {
            "authenticationMode": asked.get("authenticationMode", DEFAULT_MODE)
        }
        return made

    return create
