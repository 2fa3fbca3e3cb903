"""What a launching node needs, from every state a run can find it in."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tags
from domain.config import Ipv4Mode
from domain.errors import DeviceIndexConflict, InstanceGone, SpecRejected, SubnetExhausted
from domain.launch import (
    INVISIBLE_FOR,
    choose_addresses,
    hook_open_for,
    plan_launch,
    plan_unseen,
    subnets_to_know,
    subnets_to_list,
    unattached,
)
from domain.model import (
    AttachmentStatus,
    EniId,
    EniStatus,
    InstanceId,
    InstanceState,
    SecurityGroupId,
    SubnetId,
)
from domain.plan import (
    Attach,
    Create,
    NodePlan,
    SetDeleteOnTermination,
    SetSecurityGroups,
    SetSourceDestCheck,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.config import InterfaceSpec
    from domain.launch import Node
    from domain.model import NetworkInterface
    from domain.plan import InterfaceWork, Step
    from tests.fakes.builders import Builders

DETACHING = AttachmentStatus.DETACHING
ATTACHING = AttachmentStatus.ATTACHING


def steps_of(plan: NodePlan) -> list[tuple[str, ...]]:
    return [tuple(type(step).__name__ for step in work.steps) for work in plan.work]


def attach_of(plan: NodePlan) -> Attach:
    (attach,) = [step for work in plan.work for step in work.steps if isinstance(step, Attach)]
    return attach


# The states of one interface, as plan_launch's docstring numbers them.


def test_an_absent_interface_is_created_attached_and_set_to_go_with_the_node(
    build: Builders,
) -> None:
    plan = plan_launch(build.node([build.spec(device_index=2, network_card_index=1)]))
    (work,) = plan.work
    create, attach, delete = work.steps
    assert isinstance(create, Create)
    assert attach == Attach(device_index=2, network_card_index=1)
    assert delete == SetDeleteOnTermination()
    assert (create.subnet_id, create.security_group_ids) == ("subnet-n3", (build.security_group,))
    assert create.tags == build.tags("n3")
    assert plan.reason == "n3 needs Create, Attach, SetDeleteOnTermination"
    assert not plan.converged


def test_a_persons_tags_come_along_and_never_replace_the_ledger(build: Builders) -> None:
    spec = build.spec(tags={"team": "ran", tags.OWNER: "someone else"})
    (work,) = plan_launch(build.node([spec])).work
    create = work.steps[0]
    assert isinstance(create, Create)
    assert create.tags == {**build.tags("n3"), "team": "ran"}


def test_source_dest_check_is_switched_off_after_the_attach(build: Builders) -> None:
    plan = plan_launch(build.node([build.spec(source_dest_check=False)]))
    assert plan.work[0].steps[2:] == (SetDeleteOnTermination(), SetSourceDestCheck(enabled=False))


def test_an_unattached_interface_is_used(build: Builders) -> None:
    eni = build.eni()
    plan = plan_launch(build.node([build.spec()], [eni]))
    assert plan.work[0].eni_id == eni.eni_id
    assert steps_of(plan) == [("Attach", "SetDeleteOnTermination")]


@pytest.mark.parametrize("status", [ATTACHING, AttachmentStatus.ATTACHED])
def test_an_attachment_that_would_stay_behind_is_set_to_go(
    build: Builders, status: AttachmentStatus
) -> None:
    eni = build.attached(attachment_status=status, delete_on_termination=False)
    plan = plan_launch(build.node([build.spec()], [eni]))
    assert steps_of(plan) == [("SetDeleteOnTermination",)]
    assert plan.work[0].attachment_id == "eni-attach-n3-1"
    assert plan.waiting is (status is ATTACHING)


def test_a_complete_node_needs_nothing(build: Builders) -> None:
    enis = [build.attached("n1", 1), build.attached("n2", 2)]
    plan = plan_launch(build.node(build.specs(2), enis))
    assert (plan.work, plan.deletions, plan.reason) == ((), (), "complete")
    assert plan.converged


@pytest.mark.parametrize("delete_on_termination", [True, False])
def test_a_detaching_interface_is_waited_for_and_not_touched(
    build: Builders, delete_on_termination: bool
) -> None:
    eni = build.attached(
        attachment_status=DETACHING,
        delete_on_termination=delete_on_termination,
        source_dest_check=False,
        status=EniStatus.DETACHING,
    )
    plan = plan_launch(build.node([build.spec()], [eni]))
    assert (plan.work, plan.waiting) == ((), True)
    assert plan.reason == "n3 is detaching"


def test_of_two_the_attached_one_stays(build: Builders) -> None:
    free, held = build.eni(suffix="0"), build.attached(suffix="9")
    plan = plan_launch(build.node([build.spec()], [free, held]))
    assert plan.deletions == (free.eni_id,)
    assert plan.work == ()


def test_of_two_unattached_ones_the_older_one_stays(build: Builders) -> None:
    older = build.eni(suffix="9")
    newer = build.eni(suffix="0", created_at=build.launched_at + timedelta(seconds=5))
    plan = plan_launch(build.node([build.spec()], [newer, older]))
    assert plan.work[0].eni_id == older.eni_id
    assert plan.deletions == (newer.eni_id,)


def test_an_interface_that_another_instance_holds_is_neither_used_nor_deleted(
    build: Builders,
) -> None:
    eni = build.attached()
    assert eni.attachment is not None
    elsewhere = dataclasses.replace(
        eni, attachment=dataclasses.replace(eni.attachment, instance_id=InstanceId("i-other"))
    )
    plan = plan_launch(build.node([build.spec()], [elsewhere], build.instance()))
    assert isinstance(plan.work[0].steps[0], Create)
    assert plan.deletions == ()


def test_other_security_groups_are_put_right(build: Builders) -> None:
    eni = build.attached(security_group_ids=frozenset({SecurityGroupId("sg-other")}))
    plan = plan_launch(build.node([build.spec()], [eni]))
    assert plan.work[0].steps == (SetSecurityGroups((build.security_group,)),)


def test_a_create_that_was_lost_is_another_request(build: Builders) -> None:
    def token(lost: dict[str, int] | None) -> str:
        create = plan_launch(build.node([build.spec()]), lost).work[0].steps[0]
        assert isinstance(create, Create)
        return create.client_token

    assert token(None) == token({}) == token({"n4": 3})
    assert len({token(None), token({"n3": 1}), token({"n3": 2})}) == 3


def test_a_create_says_what_it_is_for(build: Builders) -> None:
    create = plan_launch(build.node([build.spec()])).work[0].steps[0]
    assert isinstance(create, Create)
    assert create.description == f"Multus interface n3 of {build.instance_id}"


# The instance.


@pytest.mark.parametrize("state", [InstanceState.PENDING, InstanceState.STOPPING])
def test_on_an_instance_on_its_way_interfaces_are_made_but_not_attached(
    build: Builders, state: InstanceState
) -> None:
    plan = plan_launch(build.node([build.spec()], instance=build.instance(state)))
    assert steps_of(plan) == [("Create",)]
    assert plan.waiting
    assert plan.reason == f"n3 needs Create; instance is {state.value}"


@pytest.mark.parametrize("state", [InstanceState.RUNNING, InstanceState.STOPPED])
def test_a_running_or_stopped_instance_takes_interfaces(
    build: Builders, state: InstanceState
) -> None:
    plan = plan_launch(build.node([build.spec()], instance=build.instance(state)))
    assert attach_of(plan) == Attach(1, 0)
    assert not plan.waiting


def test_an_instance_that_is_not_visible_yet_is_waited_for(build: Builders) -> None:
    plan = plan_unseen(build.instance_id, None, INVISIBLE_FOR - timedelta(seconds=1))
    assert plan is not None
    assert plan.waiting
    assert not plan.converged


def test_an_instance_that_stays_unknown_is_gone(build: Builders) -> None:
    plan = plan_unseen(build.instance_id, None, INVISIBLE_FOR)
    assert plan is not None
    assert isinstance(plan.failure, InstanceGone)
    assert "is unknown to EC2" in plan.reason


@pytest.mark.parametrize("state", InstanceState, ids=lambda state: state.value)
def test_only_an_instance_on_its_way_out_is_given_up(build: Builders, state: InstanceState) -> None:
    plan = plan_unseen(build.instance_id, build.instance(state), timedelta())
    assert (plan is not None) is state.is_gone
    assert plan is None or isinstance(plan.failure, InstanceGone)


def test_a_hooks_age_is_never_negative(build: Builders) -> None:
    now = build.launched_at
    assert hook_open_for(now - timedelta(seconds=9), now) == timedelta(seconds=9)
    assert hook_open_for(now + timedelta(seconds=9), now) == timedelta()


# Device indexes.


@pytest.mark.parametrize(
    ("taken", "index"),
    [
        pytest.param([], 1, id="the configured one"),
        pytest.param([1], 3, id="not one promised to a sibling"),
        pytest.param([1, 3, 4], 5, id="the next that nobody holds"),
    ],
)
def test_an_index_taken_by_the_vpc_cni_is_replaced_by_the_next_free_one(
    build: Builders, taken: list[int], index: int
) -> None:
    cni = [build.attachment(EniId(f"eni-cni-{number}"), number) for number in taken]
    enis = [build.attached("n2", 2)]
    held = [eni.attachment for eni in enis if eni.attachment]
    node = build.node(build.specs(2), enis, build.instance(attachments=[*cni, *held]))
    assert attach_of(plan_launch(node)) == Attach(index, 0)


def test_an_index_on_another_card_is_not_the_same_index(build: Builders) -> None:
    cni = build.attachment(EniId("eni-cni"), 1, network_card_index=1)
    node = build.node([build.spec()], instance=build.instance(attachments=[cni]))
    assert attach_of(plan_launch(node)) == Attach(1, 0)


def test_an_index_that_a_person_insists_on_is_not_replaced(build: Builders) -> None:
    cni = build.attachment(EniId("eni-cni"), 1)
    spec = build.spec(device_index_fixed=True)
    plan = plan_launch(build.node([spec], instance=build.instance(attachments=[cni])))
    assert isinstance(plan.failure, DeviceIndexConflict)
    assert plan.work == ()
    assert "device index 1 on network card 0, which n3 insists on, is taken" in plan.reason


def test_an_index_that_our_own_interface_holds_is_no_conflict(build: Builders) -> None:
    node = build.node([build.spec(device_index_fixed=True)], [build.attached()])
    assert plan_launch(node).converged


# Addresses.


def test_only_creates_from_the_start_ask_for_a_subnets_addresses(build: Builders) -> None:
    plans = [
        plan_launch(build.node([build.from_start("n1", 1), build.spec("n2", 2)])),
        plan_launch(build.node([build.from_start("n3", 1)], [build.attached("n3", 1)])),
    ]
    assert subnets_to_list(plans) == subnets_to_know(plans) == {"subnet-n1"}


def test_an_ipv6_only_subnet_is_known_and_not_listed(build: Builders) -> None:
    plans = [plan_launch(build.node([build.spec("n1", 1, ipv4=Ipv4Mode.NONE, ipv6_count=1)]))]
    assert subnets_to_know(plans) == {"subnet-n1"}
    assert subnets_to_list(plans) == set()
    subnet = build.subnet("n1", None)
    assert choose_addresses(plans, {subnet.subnet_id: subnet}, {}, {}) == plans


@pytest.mark.parametrize(
    ("mode", "cidr", "reason"),
    [
        pytest.param(
            Ipv4Mode.FROM_START, None, "subnet-n1 is IPv6-only, so there is no IPv4", id="no IPv4"
        ),
        pytest.param(
            Ipv4Mode.NONE, "10.0.0.0/24", "subnet-n1 is not IPv6-only, so EC2 would", id="IPv4"
        ),
    ],
)
def test_a_subnet_of_the_other_kind_fails_its_node_with_the_reason(
    build: Builders, mode: Ipv4Mode, cidr: str | None, reason: str
) -> None:
    plan = plan_launch(build.node([build.spec("n1", 1, ipv4=mode, ipv6_count=1)]))
    subnet = build.subnet("n1", cidr)
    known, taken = {subnet.subnet_id: subnet}, {subnet.subnet_id: ()}
    (failed,) = choose_addresses([plan], known, taken, {})
    assert isinstance(failed.failure, SpecRejected)
    assert reason in failed.reason
    assert failed.work == ()


def test_nodes_worked_together_never_share_an_address(build: Builders) -> None:
    spec = build.from_start("n1", 1, pod_ranges=("10.0.0.6/31",))
    plans = [
        plan_launch(
            build.node([spec], instance=build.instance(instance_id=InstanceId(f"i-{number}")))
        )
        for number in range(3)
    ]
    subnet = build.subnet("n1", reservations=["10.0.0.9/32"])
    chosen = choose_addresses(
        plans, {subnet.subnet_id: subnet}, {subnet.subnet_id: {"10.0.0.4"}}, {}
    )
    creates = [step for plan in chosen for work in plan.work for step in work.steps]
    assert [step.address for step in creates if isinstance(step, Create)] == [
        f"10.0.0.{host}" for host in (5, 8, 10)
    ]
    assert len({step.client_token for step in creates if isinstance(step, Create)}) == 3


def test_two_batches_that_choose_at_the_same_moment_seldom_choose_the_same(build: Builders) -> None:
    subnet = build.subnet("n1", "10.0.0.0/20")

    def chosen(first: int) -> set[str | None]:
        plans = [
            plan_launch(
                build.node(
                    [build.from_start("n1", 1)],
                    instance=build.instance(instance_id=InstanceId(f"i-{number}")),
                )
            )
            for number in range(first, first + 25)
        ]
        (known, taken) = {subnet.subnet_id: subnet}, {subnet.subnet_id: ()}
        addressed = choose_addresses(plans, known, taken, {})
        creates = [step for plan in addressed for work in plan.work for step in work.steps]
        return {step.address for step in creates if isinstance(step, Create)}

    one, other = chosen(0), chosen(100)
    assert len(one) == len(other) == 25
    assert len(one & other) < 10


def test_an_exhausted_subnet_fails_the_node_that_comes_too_late_and_no_other(
    build: Builders,
) -> None:
    plans = [
        plan_launch(
            build.node(
                [build.from_start("n1", 1)],
                instance=build.instance(instance_id=InstanceId(f"i-{number}")),
            )
        )
        for number in range(2)
    ]
    subnet = build.subnet("n1", "10.0.0.0/28", reservations=["10.0.0.8/29", "10.0.0.6/31"])
    first, second = choose_addresses(
        plans, {subnet.subnet_id: subnet}, {subnet.subnet_id: {"10.0.0.4"}}, {}
    )
    assert (first.failure, len(first.work)) == (None, 1)
    assert isinstance(second.failure, SubnetExhausted)
    assert second.work == ()


def test_a_subnet_that_does_not_exist_fails_its_node(build: Builders) -> None:
    plan = plan_launch(build.node([build.from_start("n1", 1)]))
    (failed,) = choose_addresses([plan], {}, {SubnetId("subnet-n1"): ()}, {})
    assert isinstance(failed.failure, SpecRejected)
    assert failed.failure.details == {"subnet": "subnet-n1"}


def test_plans_without_such_creates_stay_as_they_are(build: Builders) -> None:
    plans = [
        plan_launch(build.node([build.spec()])),
        plan_launch(build.node([build.from_start()], [build.eni()])),
    ]
    assert choose_addresses(plans, {}, {}, {}) == plans


def test_only_what_no_instance_holds_can_be_deleted(build: Builders) -> None:
    enis = [
        build.eni(suffix="1"),
        build.eni(suffix="2", status=EniStatus.PENDING),
        build.eni(suffix="3", status=EniStatus.DETACHING),
        build.attached(suffix="4"),
    ]
    assert unattached(enis) == (enis[0].eni_id, enis[1].eni_id)


# From any state, in finitely many rounds.


class Model:
    """One node on which plans are carried out as EC2 would, one round at a time."""

    def __init__(self, build: Builders, node: Node) -> None:
        self.build = build
        self.node = node
        self.made = 0

    def carry_out(self, plan: NodePlan) -> None:
        """Do every step, then let a round's time pass: attachments complete, detachments too."""
        for work in plan.work:
            self._work(work)
        kept = [eni for eni in self.node.interfaces if eni.eni_id not in plan.deletions]
        self._replace([self._aged(eni) for eni in kept])
        if self.node.instance.state in (InstanceState.PENDING, InstanceState.STOPPING):
            later = InstanceState.RUNNING
            if self.node.instance.state is InstanceState.STOPPING:
                later = InstanceState.STOPPED
            instance = dataclasses.replace(self.node.instance, state=later)
            self.node = dataclasses.replace(self.node, instance=instance)

    def _work(self, work: InterfaceWork) -> None:
        eni_id = work.eni_id
        for step in work.steps:
            if isinstance(step, Create):
                eni_id = self._create(work, step)
            else:
                assert eni_id is not None
                self._replace(
                    [
                        self._stepped(eni, step) if eni.eni_id == eni_id else eni
                        for eni in self.node.interfaces
                    ]
                )

    def _create(self, work: InterfaceWork, step: Create) -> EniId:
        here = [
            eni
            for eni in self.node.interfaces
            if eni.tags[tags.INTERFACE] == work.interface
            and (
                eni.attachment is None
                or eni.attachment.instance_id == self.node.instance.instance_id
            )
        ]
        assert here == [], "a create for an interface that exists"
        self.made += 1
        eni = self.build.eni(work.interface, f"made-{self.made}")
        self._replace([*self.node.interfaces, dataclasses.replace(eni, tags=step.tags)])
        return eni.eni_id

    def _stepped(self, eni: NetworkInterface, step: Step) -> NetworkInterface:
        if isinstance(step, Attach):
            return self._attached(eni, step)
        if isinstance(step, SetDeleteOnTermination):
            assert eni.attachment is not None
            assert eni.attachment.status is not DETACHING, "a change to what is leaving"
            return dataclasses.replace(
                eni, attachment=dataclasses.replace(eni.attachment, delete_on_termination=True)
            )
        if isinstance(step, SetSourceDestCheck):
            return dataclasses.replace(eni, source_dest_check=step.enabled)
        assert isinstance(step, SetSecurityGroups)
        return dataclasses.replace(eni, security_group_ids=frozenset(step.ids))

    def _attached(self, eni: NetworkInterface, step: Attach) -> NetworkInterface:
        assert eni.attachment is None, "a second attach"
        assert self.node.instance.state in (InstanceState.RUNNING, InstanceState.STOPPED)
        place = (step.network_card_index, step.device_index)
        assert place != (0, 0), "the primary's place"
        assert place not in self._occupied(), "a device index twice"
        attachment = self.build.attachment(
            eni.eni_id,
            step.device_index,
            ATTACHING,
            delete_on_termination=False,
            network_card_index=step.network_card_index,
        )
        return dataclasses.replace(eni, status=EniStatus.IN_USE, attachment=attachment)

    def _occupied(self) -> set[tuple[int, int]]:
        held = [eni.attachment for eni in self.node.interfaces if eni.attachment]
        return {
            (each.network_card_index, each.device_index)
            for each in (*self.node.instance.attachments, *held)
        }

    def _aged(self, eni: NetworkInterface) -> NetworkInterface:
        attachment = eni.attachment
        if attachment is not None and attachment.status is ATTACHING:
            done = dataclasses.replace(attachment, status=AttachmentStatus.ATTACHED)
            return dataclasses.replace(eni, attachment=done)
        if attachment is not None and attachment.status is DETACHING:
            return dataclasses.replace(eni, status=EniStatus.AVAILABLE, attachment=None)
        return eni

    def _replace(self, interfaces: Sequence[NetworkInterface]) -> None:
        """Set the network interfaces, and on the instance what they show."""
        ids = {eni.eni_id for eni in self.node.interfaces} | {eni.eni_id for eni in interfaces}
        foreign = [each for each in self.node.instance.attachments if each.eni_id not in ids]
        held = [eni.attachment for eni in interfaces if eni.attachment]
        instance = dataclasses.replace(self.node.instance, attachments=(*foreign, *held))
        self.node = dataclasses.replace(self.node, instance=instance, interfaces=tuple(interfaces))


@st.composite
def states(draw: st.DrawFn, build: Builders) -> tuple[list[InterfaceSpec], Node]:
    """Draw a node of up to four interfaces, each in any listed state, with the VPC CNI's among them."""
    count = draw(st.integers(1, 4))
    specs = [
        build.spec(
            f"n{place}",
            place,
            source_dest_check=draw(st.booleans()),
            network_card_index=draw(st.sampled_from([0, 0, 1])),
        )
        for place in range(1, count + 1)
    ]
    free_places = [(card, index) for card in (0, 1) for index in range(1, 9)]
    enis: list[NetworkInterface] = []
    for spec in specs:
        for suffix in draw(st.sampled_from(["", "a", "a", "ab"])):
            enis.append(draw(one_interface(build, spec, suffix, free_places)))
    cni = [
        build.attachment(EniId(f"eni-cni-{card}-{index}"), index, network_card_index=card)
        for card, index in draw(st.lists(st.sampled_from(free_places), max_size=3, unique=True))
    ]
    held = [eni.attachment for eni in enis if eni.attachment]
    alive = [state for state in InstanceState if not state.is_gone]
    instance = build.instance(draw(st.sampled_from(alive)), [*cni, *held])
    return specs, build.node(specs, enis, instance)


@st.composite
def one_interface(
    draw: st.DrawFn,
    build: Builders,
    spec: InterfaceSpec,
    suffix: str,
    free_places: list[tuple[int, int]],
) -> NetworkInterface:
    """Draw a network interface for a spec, and take its place from the free ones when it is attached."""
    drift = frozenset({draw(st.sampled_from([build.security_group, SecurityGroupId("sg-other")]))})
    checked = draw(st.booleans())
    if suffix == "b" or draw(st.booleans()):
        return build.eni(spec.name, suffix, security_group_ids=drift, source_dest_check=checked)
    card, index = draw(st.sampled_from(free_places))
    free_places.remove((card, index))
    status = draw(st.sampled_from([ATTACHING, AttachmentStatus.ATTACHED, DETACHING]))
    attachment = build.attachment(
        EniId(f"eni-{spec.name}-{suffix}"),
        index,
        status,
        delete_on_termination=draw(st.booleans()),
        network_card_index=card,
    )
    return build.eni(
        spec.name, attachment=attachment, security_group_ids=drift, source_dest_check=checked
    )


@given(data=st.data())
def test_a_node_in_any_state_gets_exactly_its_interfaces_in_a_few_rounds(
    build: Builders, data: st.DataObject
) -> None:
    specs, node = data.draw(states(build))
    model = Model(build, node)
    for _ in range(6):
        plan = plan_launch(model.node)
        if plan.converged:
            break
        model.carry_out(plan)
    else:
        pytest.fail(f"still not converged: {plan.reason}")
    held = [eni for eni in model.node.interfaces if eni.attachment]
    assert sorted(eni.tags[tags.INTERFACE] for eni in held) == [spec.name for spec in specs]
    for spec in specs:
        (eni,) = [each for each in held if each.tags[tags.INTERFACE] == spec.name]
        assert eni.attachment is not None
        assert eni.attachment.status is AttachmentStatus.ATTACHED
        assert eni.attachment.delete_on_termination
        assert eni.source_dest_check == spec.source_dest_check
        assert eni.security_group_ids == {build.security_group}
        assert eni.tags[tags.NO_MANAGE] == "true"


def test_a_plan_reads_as_a_list_of_its_steps(build: Builders) -> None:
    plan = plan_launch(build.node(build.specs(2), [build.eni("n1")]))
    assert plan.reason == (
        "n1 needs Attach, SetDeleteOnTermination; n2 needs Create, Attach, SetDeleteOnTermination"
    )
