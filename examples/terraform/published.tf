# What the stack MultusEni-example publishes and the node group needs: docs/outputs.md has all of it.

terraform {
  required_version = ">= 1.5.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

data "aws_ssm_parameter" "node_policy" {
  count = var.stack_deployed ? 1 : 0
  name  = "/multus-eni/MultusEni-example/node-policy"
}

locals {
  # An ARN is no secret: a `value` is marked as one, and the module could not make a resource for each of these.
  node_policies = { for parameter in data.aws_ssm_parameter.node_policy : "multus_node" => parameter.insecure_value }
}
