"""One configuration's ENI lifecycle: composes the capabilities and defines nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from domain import naming
from domain.environment import FunctionEnvironment
from domain.reservations import pod_ranges
from stacks.alarms import Alarms
from stacks.cidr_reservations import CidrReservations
from stacks.dashboard import LifecycleDashboard
from stacks.event_rule import EventRule, launch_pattern, terminate_pattern, terminated_pattern
from stacks.event_worker import EventWorker
from stacks.iam import Permissions, see_backlog
from stacks.lambda_function import LifecycleFunction
from stacks.lifecycle_hooks import LifecycleHooks
from stacks.node_bootstrap import NodeBootstrap, user_data_by_group
from stacks.pod_addresses import PodAddresses
from stacks.published import Published, node_group_documents
from stacks.queues import EventQueue, dead_letter_queue
from stacks.reconcile_schedule import ReconcileSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import CfnOutput
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_sqs as sqs

    from domain.config import Config
    from domain.node.config import NodeConfig
    from stacks.assets import FunctionsAsset
    from stacks.bootstrap_archive import BootstrapAsset
    from stacks.settings import StackSettings

LAUNCH_TIMEOUT_S = 180
"""A node takes seconds. The rest is for a burst, in which calls wait for EC2's tokens and a run takes care of many nodes, ten
at a time: ten with six interfaces need 120 modifies, 48 seconds at half of the refill. Not more: after a crash the messages
stay hidden at least this long, and with the usual heartbeat they are hidden for 200 seconds anyway."""
TERMINATE_TIMEOUT_S = 60
RECONCILE_TIMEOUT_S = 300
"""Its calls grow with pages; repairs that do not fit are left to the next run."""
LAUNCH_CONCURRENCY = 2
"""The fewest that a mapping takes. EC2's token buckets and not the number of runs decide how fast a burst is served, a run
takes more messages while it waits, and each run counts on half of every bucket (domain.call_pace): a third would make all of
them be refused."""
TERMINATE_CONCURRENCY = 2
"""The fewest that a mapping takes. A termination needs few calls and nobody waits for it, so launches get the larger
share of the buckets."""


class EniLifecycle(Construct):
    """Everything that gives the nodes of one configuration their network interfaces.

    Its attributes are what other resources of the same application need of it; the rest of the world reads what is
    published. Only what others find by name is named (the hooks, the parameters, the exports), each by the owner. All else gets
    CloudFormation's generated names, so two stacks never collide and any resource can be replaced.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        settings: StackSettings,
        asset: FunctionsAsset,
        nodes: NodeConfig,
        bootstrap: BootstrapAsset,
    ) -> None:
        """Compose everything, in whatever stack the scope is in.

        Raises:
            ConfigInvalid: the configuration is too large for a role's policy or for a parameter.
        """
        super().__init__(scope, construct_id)
        self._config = config
        self._settings = settings
        # Whatever can be refused is asked for before the asset is staged: a refusal leaves nothing behind.
        permissions = Permissions(self, config=config)
        may_launch, may_terminate, may_reconcile = (
            permissions.launch(),
            permissions.terminate(),
            permissions.reconcile(),
        )
        ranges = pod_ranges(config)
        may_reserve = permissions.reserve() if ranges else ()
        pod_addresses = self._pod_addresses()
        self.owner = config.owner
        self.launch_hook = naming.launch_hook(config.owner)
        self.terminate_hook = naming.terminate_hook(config.owner)
        self.ready_hook = naming.ready_hook(config.owner) if settings.ready_timeouts_s else None
        self.user_data: Mapping[str, str] = user_data_by_group(nodes)
        """MIME multipart user data by node group, to which EKS adds its own part."""
        documents = {
            **node_group_documents(config),
            **{f"node-user-data/{name}": text for name, text in self.user_data.items()},
        }
        code = lambda_.Code.from_asset(str(asset.archive), asset_hash=asset.digest)

        launches = self._event_queue("Launches", function_timeout_s=LAUNCH_TIMEOUT_S)
        terminations = self._event_queue("Terminations", function_timeout_s=TERMINATE_TIMEOUT_S)
        undeliverable = dead_letter_queue(self, "Undeliverable")
        environment = FunctionEnvironment(
            owner=config.owner,
            launch_hook=self.launch_hook,
            terminate_hook=self.terminate_hook,
            heartbeat_timeout_s=settings.heartbeat_timeout_s,
            launch_queue_url=launches.queue.queue_url,
            terminate_queue_url=terminations.queue.queue_url,
            orphan_min_age_s=settings.orphan_min_age_s,
            max_deletions=settings.max_deletions,
            max_adoptions=settings.max_adoptions,
            dry_run=settings.dry_run,
        )
        launch = EventWorker(
            self,
            "Launch",
            description="attach a launching node's interfaces",
            handler=naming.LAUNCH_HANDLER,
            code=code,
            timeout_s=LAUNCH_TIMEOUT_S,
            max_concurrency=LAUNCH_CONCURRENCY,
            queue=launches.queue,
            environment=environment,
            statements=may_launch,
            log_retention_days=settings.log_retention_days,
        )
        terminate = EventWorker(
            self,
            "Terminate",
            description="release a terminating node's interfaces",
            handler=naming.TERMINATE_HANDLER,
            code=code,
            timeout_s=TERMINATE_TIMEOUT_S,
            max_concurrency=TERMINATE_CONCURRENCY,
            queue=terminations.queue,
            environment=environment,
            statements=may_terminate,
            log_retention_days=settings.log_retention_days,
        )
        reconcile = LifecycleFunction(
            self,
            "Reconcile",
            description="repair what events cannot promise",
            handler=naming.RECONCILE_HANDLER,
            code=code,
            timeout_s=RECONCILE_TIMEOUT_S,
            environment=environment,
            statements=[
                see_backlog([launches.queue.queue_arn, terminations.queue.queue_arn]),
                *may_reconcile,
            ],
            log_retention_days=settings.log_retention_days,
        )
        schedule = ReconcileSchedule(
            self,
            "Schedule",
            function=reconcile.function,
            interval_minutes=settings.reconcile_interval_minutes,
        )
        reserve = (
            CidrReservations(
                self,
                "CidrReservations",
                ranges=ranges,
                code=code,
                environment=environment,
                statements=may_reserve,
                log_retention_days=settings.log_retention_days,
            )
            if ranges
            else None
        )
        rules = {
            "launch": self._rule(
                "LaunchHookOpened",
                launch_pattern(self.launch_hook),
                launches.queue,
                undeliverable,
            ),
            "terminate": self._rule(
                "TerminateHookOpened",
                terminate_pattern(self.terminate_hook),
                terminations.queue,
                undeliverable,
            ),
            "terminated": self._rule(
                "InstanceTerminated", terminated_pattern(), terminations.queue, undeliverable
            ),
        }
        self.hooks = LifecycleHooks(
            self,
            "Hooks",
            config=config,
            heartbeat_timeout_s=settings.heartbeat_timeout_s,
            ready_timeouts_s=settings.ready_timeouts_s,
            hooked_inline=settings.hooked_inline,
            answered_by=[
                launches,
                terminations,
                undeliverable,
                launch,
                terminate,
                reconcile,
                schedule,
                *rules.values(),
                # Before the first node has an address, and until none launches any more.
                *([reserve] if reserve else ()),
            ],
        )
        """Of the groups that are not created. They need their Auto Scaling groups, and nothing that is created needs them."""

        self.queues: Mapping[str, sqs.Queue] = {
            "Launch": launches.queue,
            "Terminate": terminations.queue,
        }
        self.dead_letters: Mapping[str, sqs.Queue] = {
            "Launch": launches.dead_letters,
            "Terminate": terminations.dead_letters,
            "Rule": undeliverable,
            "Schedule": schedule.dead_letters,
        }
        self.functions: Mapping[str, lambda_.Function] = {
            "Launch": launch.function,
            "Terminate": terminate.function,
            "Reconcile": reconcile.function,
            **({"Reserve": reserve.function} if reserve else {}),
        }
        alarms = Alarms(
            self,
            "Alarms",
            owner=config.owner,
            dead_letters=self.dead_letters,
            queues=self.queues,
            functions=self.functions,
            heartbeat_timeout_s=settings.heartbeat_timeout_s,
            topic_arn=settings.alarm_topic_arn,
        )
        LifecycleDashboard(
            self,
            "Overview",
            owner=config.owner,
            alarms=alarms.all,
            queues=self.queues,
            functions=self.functions,
        )
        node_bootstrap = NodeBootstrap(self, "NodeBootstrap", config=nodes, asset=bootstrap)
        self.node_policy: iam.ManagedPolicy = node_bootstrap.policy
        """For the role of nodes of whatever making."""
        self.pod_address_policy: iam.ManagedPolicy | None = (
            pod_addresses.policy if pod_addresses else None
        )
        """For the role of pods' service account; None where no interface has `pod_follow`."""
        published = Published(
            self,
            "Published",
            owner=config.owner,
            documents=documents,
            facts={
                "owner": config.owner,
                "launch-hook": self.launch_hook,
                **({"ready-hook": self.ready_hook} if self.ready_hook else {}),
                "terminate-hook": self.terminate_hook,
                **_queue_facts({f"{k.lower()}-queue": q for k, q in self.queues.items()}),
                **_queue_facts(
                    {f"{k.lower()}-dead-letters": q for k, q in self.dead_letters.items()}
                ),
                **{
                    f"{k.lower()}-function-name": f.function_name for k, f in self.functions.items()
                },
                **{f"{k.lower()}-function-arn": f.function_arn for k, f in self.functions.items()},
                **{f"{k}-rule-arn": rule.rule_arn for k, rule in rules.items()},
                **node_bootstrap.facts,
                **(pod_addresses.facts if pod_addresses else {}),
            },
        )
        self.outputs: Mapping[str, CfnOutput] = published.outputs
        """By the kebab-case name of what they say; their logical ids are the CDK's, unless the stack names them."""

    def _pod_addresses(self) -> PodAddresses | None:
        if not self._settings.followed:
            return None
        return PodAddresses(
            self, "PodAddresses", owner=self._config.owner, interfaces=self._settings.followed
        )

    def _event_queue(self, construct_id: str, *, function_timeout_s: int) -> EventQueue:
        return EventQueue(
            self,
            construct_id,
            function_timeout_s=function_timeout_s,
            heartbeat_timeout_s=self._settings.heartbeat_timeout_s,
        )

    def _rule(
        self,
        construct_id: str,
        pattern: Mapping[str, object],
        queue: sqs.Queue,
        undeliverable: sqs.Queue,
    ) -> EventRule:
        return EventRule(
            self,
            construct_id,
            description=f"{self._config.owner}: {construct_id}",
            pattern=pattern,
            queue=queue,
            undeliverable=undeliverable,
            # After the heartbeat the hook has had its default result, and the reconciler has seen it before.
            max_age_s=self._settings.heartbeat_timeout_s,
        )


def _queue_facts(queues: Mapping[str, sqs.Queue]) -> dict[str, str]:
    return {f"{name}-arn": queue.queue_arn for name, queue in queues.items()} | {
        f"{name}-url": queue.queue_url for name, queue in queues.items()
    }
