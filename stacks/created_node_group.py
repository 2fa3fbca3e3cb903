"""A self-managed node group: composes launch template, Auto Scaling group, role and access for one created group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import (
    Acknowledgment,
    CfnAutoScalingInstanceRefresh,
    CfnAutoScalingInstanceRefreshPreferences,
    CfnAutoScalingScheduledAction,
    CfnOutput,
    CfnParameter,
    CfnTag,
    CfnUpdatePolicy,
    Fn,
    Validations,
)
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from authoring.autoscaler_tags import autoscaler_tags
from authoring.created import ROOT_DEVICE
from authoring.instance_types import architecture, image_parameter
from authoring.node_policies import NODE_POLICIES
from domain import naming, tags
from stacks import nodeadm
from stacks.lifecycle_hooks import hooks_of
from stacks.node_security_group import node_security_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authoring.created import Cluster
    from authoring.models import NodeGroup
    from stacks.node_security_group import NodeSecurityGroup
    from stacks.settings import StackSettings

SECOND_BOOT_S = 300
"""How long Auto Scaling looks past the status checks of a node in service, which without a ready hook may be in its second boot."""


class CreatedNodeGroup(Construct):
    """Everything that is one node group's own, with its hooks inline, so that its very first node is hooked."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        owner: str,
        cluster_name: str,
        cluster: Cluster,
        group: NodeGroup,
        settings: StackSettings,
        common_tags: Mapping[str, str],
        node_policy_arn: str | None = None,
    ) -> None:
        """Compose the group, which is named for the owner and itself.

        Args:
            scope: the construct's parent.
            construct_id: its id there.
            owner: the ENI lifecycle's name.
            cluster_name: the cluster that the nodes join.
            cluster: what they must know of it.
            group: what is written of the node group; its `create` is set.
            settings: for the hooks' times.
            common_tags: the file's own.
            node_policy_arn: the nodes' policy, where it is of the same stack. None takes it from the parameter: an export
                in use would keep the other stack from ever replacing the policy.

        Raises:
            ConfigInvalid: the group's user data is larger than EC2 takes.
        """
        assert group.create is not None  # noqa: S101 - nobody makes another
        super().__init__(scope, construct_id)
        self._create, self._group, self._owner = group.create, group, owner
        self._cluster_name, self._cluster = cluster_name, cluster
        self._name = naming.created_group(owner, group.name)
        text = nodeadm.user_data_of(owner, cluster_name, cluster, group)
        self._tags = {
            **common_tags,
            **self._create.tags,
            tags.NAME: self._name,
        }
        self.role = self._role(node_policy_arn or self._published_policy())
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        own = self._own_security_group()
        template = self._template(profile, text, own)
        self.auto_scaling_group = self._auto_scaling_group(template, settings)
        if own is not None:
            for rule in own.rules:
                # The launch template names the group alone. A node that boots before its rules reaches no API server.
                self.auto_scaling_group.add_resource_dependency(rule)
        if self._create.access_entry:
            entry = eks.CfnAccessEntry(
                self,
                "AccessEntry",
                cluster_name=cluster_name,
                principal_arn=self.role.role_arn,
                # A node's permissions come with the type (EKS API, CreateAccessEntry).
                type="EC2_LINUX",
            )
            # A node that comes before it would be refused by the API server.
            self.auto_scaling_group.add_resource_dependency(entry)
        self._warm_pool()
        CfnOutput(self, "AutoScalingGroup", value=self.auto_scaling_group.ref)
        CfnOutput(self, "NodeRole", value=self.role.role_arn)

    def _published_policy(self) -> str:
        return CfnParameter(
            self,
            # The CDK's CLI keeps the value of a parameter that the stack has already: another default is another parameter.
            f"NodePolicy{self._owner}",
            type="AWS::SSM::Parameter::Value<String>",
            default=naming.parameter(self._owner, "node-policy"),
            description="What multus-node needs; the ENI stack publishes it.",
        ).value_as_string

    def _role(self, node_policy_arn: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            description=f"Nodes of {self._name}",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[
                *(iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in NODE_POLICIES),
                iam.ManagedPolicy.from_managed_policy_arn(self, "Published", node_policy_arn),
                *(
                    iam.ManagedPolicy.from_managed_policy_arn(self, f"Further{position}", arn)
                    for position, arn in enumerate(self._create.policies)
                ),
            ],
        )
        reasons = {
            f"arn:<AWS::Partition>:iam::aws:policy/{name}": "EKS asks for it, and keeps it up to date for its nodes."
            for name in NODE_POLICIES
        } | dict.fromkeys(self._create.policies, "The configuration names it.")
        Validations.of(role).acknowledge(
            *(
                Acknowledgment(id=f"AwsSolutions-IAM4[Policy::{policy}]", reason=reason)
                for policy, reason in reasons.items()
            )
        )
        return role

    def _image(self) -> str:
        if self._create.ami is not None:
            return self._create.ami
        version = self._create.kubernetes_version or self._cluster.version
        kind = architecture(self._group.instance_types[0])
        # A parameter of the template and no dynamic reference: the CDK's CLI looks at its value at each deployment, so that
        # a new image is a change and comes by instance refresh. But it keeps the path that a parameter has once got
        # (--previous-parameters; github.com/aws/aws-cdk/issues/7722): another version's image is another parameter.
        return CfnParameter(
            self,
            f"Image{version}{kind}",
            type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
            default=image_parameter(version, kind),
            description="The recommended EKS image of Amazon Linux 2023.",
        ).value_as_string

    def _own_security_group(self) -> NodeSecurityGroup | None:
        if self._create.cluster_security_group:
            return None
        return node_security_group(
            self, self._cluster, cluster_name=self._cluster_name, name=self._name
        )

    def _security_groups(self, own: NodeSecurityGroup | None) -> list[str]:
        first = self._cluster.security_group if own is None else own.group_id
        return list(dict.fromkeys([first, *self._create.security_groups]))

    def _template(
        self, profile: iam.CfnInstanceProfile, text: str, own: NodeSecurityGroup | None
    ) -> ec2.CfnLaunchTemplate:
        create, data = self._create, ec2.CfnLaunchTemplate.LaunchTemplateDataProperty
        volume = create.root_volume
        return ec2.CfnLaunchTemplate(
            self,
            "Template",
            launch_template_data=data(
                image_id=self._image(),
                instance_type=self._group.instance_types[0],
                key_name=create.key_pair,
                iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(
                    arn=profile.attr_arn
                ),
                security_group_ids=self._security_groups(own),
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_endpoint="enabled",
                    http_tokens="required",
                    http_put_response_hop_limit=create.metadata_hop_limit,
                ),
                block_device_mappings=[
                    ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name=ROOT_DEVICE,
                        ebs=ec2.CfnLaunchTemplate.EbsProperty(
                            volume_type="gp3",
                            volume_size=volume.size_gib,
                            iops=volume.iops,
                            throughput=volume.throughput_mib_s,
                            encrypted=True,
                            kms_key_id=volume.kms_key_arn,
                            delete_on_termination=True,
                        ),
                    )
                ],
                # The group's own tags reach its instances, and nothing else that they are launched with.
                tag_specifications=[
                    ec2.CfnLaunchTemplate.TagSpecificationProperty(
                        resource_type=kind,
                        tags=[CfnTag(key=k, value=v) for k, v in sorted(self._tags.items())],
                    )
                    for kind in ("volume", "network-interface")
                ],
                user_data=Fn.base64(text),
            ),
        )

    def _auto_scaling_group(
        self, template: ec2.CfnLaunchTemplate, settings: StackSettings
    ) -> autoscaling.CfnAutoScalingGroup:
        create = self._create
        version = autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )
        mixed = len(self._group.instance_types) > 1
        group = autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            auto_scaling_group_name=self._name,
            # No desired capacity: it begins with the fewest nodes, and no later deployment takes back what scaling did.
            min_size=str(create.min_size),
            max_size=str(create.max_size),
            vpc_zone_identifier=[create.subnets[zone] for zone in sorted(create.subnets)],
            launch_template=None if mixed else version,
            mixed_instances_policy=self._mixed(version) if mixed else None,
            capacity_rebalance=create.replaces_spot_at_risk,
            placement_group=create.placement_group,
            health_check_grace_period=SECOND_BOOT_S if create.isolated_cpus else None,
            lifecycle_hook_specification_list=[
                autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name=hook.name,
                    lifecycle_transition=hook.transition.value,
                    default_result=hook.default.value,
                    heartbeat_timeout=hook.timeout_s,
                )
                for hook in hooks_of(
                    self._owner,
                    heartbeat_timeout_s=settings.heartbeat_timeout_s,
                    ready_timeout_s=settings.ready_timeouts_s.get(self._group.name),
                )
            ],
            tags=[
                autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                    key=key, value=value, propagate_at_launch=True
                )
                for key, value in {
                    **self._tags,
                    tags.of_cluster(self._cluster_name): "owned",
                }.items()
            ]
            + [
                autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                    key=key, value=value, propagate_at_launch=False
                )
                for key, value in self._autoscaler_tags().items()
            ],
        )
        group.cfn_options.update_policy = CfnUpdatePolicy(
            auto_scaling_instance_refresh=CfnAutoScalingInstanceRefresh(
                strategy="Rolling",
                preferences=CfnAutoScalingInstanceRefreshPreferences(
                    min_healthy_percentage=create.update.min_healthy_percent,
                    max_healthy_percentage=create.update.max_healthy_percent,
                    # Its hooks hold a node until it has what it was promised: in service it is ready.
                    instance_warmup=0,
                    skip_matching=True,
                ),
            ),
            auto_scaling_scheduled_action=CfnAutoScalingScheduledAction(
                ignore_unmodified_group_size_properties=True
            ),
        )
        Validations.of(group).acknowledge(
            Acknowledgment(
                id="AwsSolutions-EC26",
                reason="The rule cannot read the template's reference; its one volume is encrypted.",
            ),
            Acknowledgment(
                id="AwsSolutions-AS3",
                reason="Auto Scaling tells EventBridge of every scaling event; the ENI stack's alarms tell people of those that failed.",
            ),
        )
        return group

    def _autoscaler_tags(self) -> dict[str, str]:
        group = self._group
        return autoscaler_tags(
            self._cluster_name,
            group.name,
            self._create,
            group.node,
            [interface.node.resource for interface in group.interfaces],
        )

    def _mixed(
        self, version: autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty
    ) -> autoscaling.CfnAutoScalingGroup.MixedInstancesPolicyProperty:
        create, kind = self._create, autoscaling.CfnAutoScalingGroup
        return kind.MixedInstancesPolicyProperty(
            launch_template=kind.LaunchTemplateProperty(
                launch_template_specification=version,
                overrides=[
                    kind.LaunchTemplateOverridesProperty(instance_type=name)
                    for name in self._group.instance_types
                ],
            ),
            instances_distribution=kind.InstancesDistributionProperty(
                on_demand_allocation_strategy="prioritized",
                on_demand_base_capacity=create.on_demand_base,
                on_demand_percentage_above_base_capacity=100 - create.spot_percent,
                # AWS's advice for most workloads (EC2 Auto Scaling User Guide, allocation strategies).
                spot_allocation_strategy="price-capacity-optimized",
            ),
        )

    def _warm_pool(self) -> None:
        pool = self._create.warm_pool
        if pool is None:
            return
        autoscaling.CfnWarmPool(
            self,
            "WarmPool",
            auto_scaling_group_name=self.auto_scaling_group.ref,
            # A running one would join without a boot, and nothing would start its kubelet or answer its ready hook.
            pool_state="Stopped",
            min_size=pool.min_size,
            max_group_prepared_capacity=pool.max_prepared,
            instance_reuse_policy=autoscaling.CfnWarmPool.InstanceReusePolicyProperty(
                reuse_on_scale_in=pool.reuse_on_scale_in
            ),
        )
