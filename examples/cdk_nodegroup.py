"""A managed node group in CDK whose nodes prepare their Multus interfaces before kubelet starts.

For the group user-plane of config/example.yaml, which is then `managed_node_group: telco-user-plane` in place of
`auto_scaling_group`. It takes everything from what the stack MultusEni-example publishes. The first time:

    npx cdk deploy --app ".venv/bin/python examples/cdk_nodegroup.py" -c stack_deployed=no   # the group, with no nodes
    npx cdk deploy -c config=config/example.yaml
    npx cdk deploy --app ".venv/bin/python examples/cdk_nodegroup.py" -c nodes=3             # user data, policy, nodes

docs/outputs.md says why in this order. The ids are made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import App, Environment, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

if TYPE_CHECKING:
    from constructs import Construct

PUBLISHED = "/multus-eni/MultusEni-example"
NODE_SUBNETS = {"us-east-1a": "subnet-03a7e91c5d28b64f0", "us-east-1b": "subnet-04c8f2b6e0917d35a"}
"""The nodes' own, by zone; Multus subnets are in the stack's configuration and nowhere here."""


class UserPlane(Stack):
    """The node group, its launch template and its role."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stack_deployed: bool, nodes: int
    ) -> None:
        """Make the group; until the stack is there, with no nodes, no user data and no policy of the stack."""
        super().__init__(scope, construct_id, env=Environment(region="us-east-1"))
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0f1e2d3c4b5a69788",
            availability_zones=list(NODE_SUBNETS),
            private_subnet_ids=list(NODE_SUBNETS.values()),
        )
        cluster = eks.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name="telco", vpc=vpc
        )
        # Without a role of its own, Nodegroup makes one with AmazonEKS_CNI_Policy, whose rights to ENIs every pod on the
        # host network would have. The VPC CNI has a role of its own.
        role = iam.Role(
            self,
            "NodeRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKSWorkerNodePolicy"),
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "AmazonEC2ContainerRegistryPullOnly"
                ),
            ],
        )
        user_data = None
        if stack_deployed:
            role.add_managed_policy(
                iam.ManagedPolicy.from_managed_policy_arn(
                    self, "NodePolicy", self._published("node-policy")
                )
            )
            # MIME multipart with the script: EKS adds nodeadm's part behind it.
            user_data = Fn.base64(self._published("node-user-data/user-plane"))
        template = ec2.CfnLaunchTemplate(
            self,
            "LaunchTemplate",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
                ),
                user_data=user_data,
            ),
        )
        eks.Nodegroup(
            self,
            "Nodegroup",
            cluster=cluster,
            nodegroup_name="telco-user-plane",
            ami_type=eks.NodegroupAmiType.AL2023_X86_64_STANDARD,
            instance_types=[ec2.InstanceType("c6in.8xlarge")],
            node_role=role,
            min_size=0,
            desired_size=nodes if stack_deployed else 0,
            max_size=6,
            launch_template_spec=eks.LaunchTemplateSpec(
                id=template.ref, version=template.attr_latest_version_number
            ),
        )

    def _published(self, leaf: str) -> str:
        """Return the value that a parameter of the stack has when this one is deployed."""
        return ssm.StringParameter.value_for_string_parameter(self, f"{PUBLISHED}/{leaf}")


if __name__ == "__main__":
    app = App()
    context = app.node.try_get_context
    UserPlane(
        app,
        "TelcoUserPlane",
        stack_deployed=context("stack_deployed") != "no",
        nodes=int(context("nodes") or 0),
    )
    app.synth()
