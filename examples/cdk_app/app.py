"""Another team's CDK application that takes the automation and its node groups as constructs.

    pip install PATH-OR-GIT-URL-OF-MULTUS-ENI cdk-nag
    cd examples/cdk_app && npx cdk synth

In this repository, where nothing is installed: `PYTHONPATH=../.. npx cdk synth --app "../../.venv/bin/python app.py"`.
docs/constructs.md says more. The ids in multus.yaml are made up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import App, Duration, Environment, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from cdk_nag import AwsSolutionsChecks

import authoring
from multus_eni import MultusEniAutomation, MultusNodeGroup

if TYPE_CHECKING:
    from constructs import Construct

CONFIGURATION = Path(__file__).with_name("multus.yaml")
ENVIRONMENT = Environment(region="us-east-1")


class PacketCore(Stack):
    """The automation, the group that the user plane runs on, and what the team watches of them."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id, env=ENVIRONMENT)
        self.multus = MultusEniAutomation(
            self, "Multus", configuration=authoring.load(CONFIGURATION)
        )
        MultusNodeGroup(self, "UserPlane", automation=self.multus, node_group="user-plane")
        cloudwatch.Alarm(
            self,
            "SlowLaunches",
            metric=self.multus.queues["Launch"].metric_approximate_age_of_oldest_message(
                period=Duration.minutes(1)
            ),
            threshold=120,
            evaluation_periods=3,
        )


class ControlPlane(Stack):
    """A group in a stack of its own, which comes and goes without the automation."""

    def __init__(
        self, scope: Construct, construct_id: str, *, automation: MultusEniAutomation
    ) -> None:
        super().__init__(scope, construct_id, env=ENVIRONMENT)
        MultusNodeGroup(self, "Nodes", automation=automation, node_group="control-plane")


def build(app: App) -> None:
    """Compose both stacks, checked by AwsSolutions when they are synthesized."""
    core = PacketCore(app, "PacketCore")
    ControlPlane(app, "ControlPlane", automation=core.multus)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


if __name__ == "__main__":
    application = App()
    build(application)
    application.synth()
