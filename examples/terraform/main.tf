# A cluster with a managed node group whose nodes prepare their Multus interfaces before kubelet starts, with the module
# terraform-aws-modules/eks/aws 21.
#
# In config/example.yaml the group is then `managed_node_group: telco-user-plane` in place of `auto_scaling_group`. The first time:
#
#   terraform apply -var stack_deployed=false ...     # the group, with no nodes
#   npx cdk deploy -c config=config/example.yaml
#   terraform apply ...                               # the policy for its role
#   aws eks update-nodegroup-config --cluster-name telco --nodegroup-name telco-user-plane --scaling-config desiredSize=3
#
# docs/outputs.md says why in this order.

variable "stack_deployed" {
  description = "Whether the stack MultusEni-example is there; false for the very first apply."
  type        = bool
  default     = true
}

variable "vpc_id" {
  type = string
}

variable "node_subnet_ids" {
  description = "The nodes' own subnets, one per zone. Multus subnets are in the stack's configuration and nowhere here."
  type        = list(string)
}

variable "vpc_cni_role_arn" {
  description = "A role for the VPC CNI's pods with AmazonEKS_CNI_Policy, which pods.eks.amazonaws.com may assume."
  type        = string
}

module "eks" {
  source  = "terraform-aws-modules/eks/aws"
  version = "~> 21.0"

  name               = "telco"
  kubernetes_version = "1.33"
  vpc_id             = var.vpc_id
  subnet_ids         = var.node_subnet_ids

  # The VPC CNI has its rights to ENIs from a role of its own, so the nodes need none.
  addons = {
    eks-pod-identity-agent = {
      before_compute = true
    }
    vpc-cni = {
      before_compute = true
      pod_identity_association = [{
        role_arn        = var.vpc_cni_role_arn
        service_account = "aws-node"
      }]
    }
  }

  eks_managed_node_groups = {
    telco-user-plane = {
      use_name_prefix = false
      ami_type        = "AL2023_x86_64_STANDARD"
      instance_types  = ["c6in.8xlarge"]
      subnet_ids      = var.node_subnet_ids

      # The module leaves desired_size alone once the group is there.
      min_size     = 0
      desired_size = 0
      max_size     = 6

      metadata_options = {
        http_endpoint               = "enabled"
        http_tokens                 = "required"
        http_put_response_hop_limit = 1
      }

      # A shell part before nodeadm's, which EKS adds: cloud-init runs it, and nodeadm waits for that.
      cloudinit_pre_nodeadm = [{
        content_type = "text/x-shellscript"
        content      = file("${path.module}/multus-node.sh")
      }]

      iam_role_attach_cni_policy   = false
      iam_role_additional_policies = local.node_policies
    }
  }
}
