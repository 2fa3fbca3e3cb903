"""What the scheduled reconciler repairs, and above all what it never deletes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tags
from domain.fleet import (
    Promise,
    Wait,
    find_orphans,
    is_lost,
    is_stuck,
    missing,
    needs_hold,
    plan_adoption,
    plan_repair,
    whose_turn,
)
from domain.model import (
    AttachmentStatus,
    EniId,
    EniStatus,
    InstanceId,
    InstanceState,
    SecurityGroupId,
)
from domain.plan import (
    AddTags,
    Attach,
    Create,
    SetDeleteOnTermination,
    SetSecurityGroups,
    SetSourceDestCheck,
)
from tests.fakes.builders import Builders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.config import InterfaceSpec
    from domain.fleet import Orphans
    from domain.model import Instance, NetworkInterface
    from domain.plan import Step

MIN_AGE = timedelta(minutes=15)
LONG_AGO = timedelta(hours=2)


# Nodes that wait in a hook.


def waited(at_least_s: float, at_most_s: float, since_restart_s: float | None = None) -> Wait:
    restarted = None if since_restart_s is None else timedelta(seconds=since_restart_s)
    return Wait(timedelta(seconds=at_least_s), timedelta(seconds=at_most_s), restarted)


DAYS_S = 2 * 86_400


@pytest.mark.parametrize(
    ("wait", "backlog", "lost"),
    [
        pytest.param(waited(0, 0), False, False, id="its event is on its way"),
        pytest.param(waited(0, 59), False, False, id="still"),
        pytest.param(waited(0, 60), False, True, id="no message and none to come"),
        pytest.param(waited(9999, 9999), False, True, id="its message is dead"),
        pytest.param(waited(0, 60), True, False, id="in the queue"),
        pytest.param(waited(599, 899), True, False, id="in a long queue"),
        pytest.param(waited(600, 899), True, True, id="in a queue that never empties"),
        pytest.param(waited(0, DAYS_S), True, False, id="out of a pool, in the queue"),
        pytest.param(waited(0, DAYS_S), False, True, id="out of a pool, no message"),
    ],
)
def test_a_waiting_node_is_taken_over_when_no_message_of_it_can_be_coming(
    wait: Wait, backlog: bool, lost: bool
) -> None:
    assert is_lost(wait, backlog=backlog, heartbeat_timeout_s=600) is lost


def test_behind_other_messages_a_short_hook_leaves_its_event_the_usual_time() -> None:
    assert not is_lost(waited(59, 59), backlog=True, heartbeat_timeout_s=30)
    assert is_lost(waited(60, 60), backlog=True, heartbeat_timeout_s=30)


@pytest.mark.parametrize(
    ("wait", "held"),
    [
        pytest.param(waited(0, 299), False, id="a young one"),
        pytest.param(waited(0, 300), True, id="perhaps half of its time"),
        pytest.param(waited(0, DAYS_S), True, id="out of a pool, at first sight"),
        pytest.param(waited(900, DAYS_S), True, id="and later"),
        pytest.param(waited(2399, 9999), True, id="to the limit"),
        pytest.param(waited(2400, 9999), False, id="and not beyond"),
        pytest.param(waited(300, 500, 299), False, id="restarted a moment ago"),
        pytest.param(waited(300, 500, 300), True, id="restarted half a time-out ago"),
    ],
)
def test_a_hook_is_held_that_may_run_out_before_the_next_look(wait: Wait, held: bool) -> None:
    assert needs_hold(wait, 600) is held


@pytest.mark.parametrize(
    ("wait", "stuck"),
    [
        pytest.param(waited(0, DAYS_S), False, id="seen for the first time"),
        pytest.param(waited(199, DAYS_S), False, id="not for a third yet"),
        pytest.param(waited(200, DAYS_S), True, id="for a third of the time-out"),
    ],
)
def test_a_termination_is_stuck_that_was_seen_waiting_for_a_third_of_the_time_out(
    wait: Wait, stuck: bool
) -> None:
    assert is_stuck(wait, 600) is stuck


@pytest.mark.parametrize(
    ("wait", "ago_s"),
    [
        pytest.param(waited(0, 300), 300, id="when it was launched"),
        pytest.param(waited(10, DAYS_S), 10, id="when it was first seen, out of a pool"),
    ],
)
def test_a_hook_was_opened_no_longer_ago_than_hooks_are_held(
    build: Builders, wait: Wait, ago_s: int
) -> None:
    now = build.launched_at + LONG_AGO
    assert wait.began(now, 600) == now - timedelta(seconds=ago_s)


@pytest.mark.parametrize(
    ("attached", "free", "lacking"),
    [
        pytest.param(("n1", "n2"), (), (), id="nothing"),
        pytest.param(("n1", "n2", "n9"), (), (), id="nothing, beside one that is retired"),
        pytest.param(("n1",), ("n2",), ("n2",), id="one that is unattached"),
        pytest.param((), (), ("n1", "n2"), id="both"),
    ],
)
def test_a_node_lacks_the_interfaces_that_it_holds_nothing_for(
    build: Builders, attached: tuple[str, ...], free: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    enis = [
        *(build.attached(name, index) for index, name in enumerate(attached, start=1)),
        *(build.eni(name) for name in free),
    ]
    assert missing(build.instance_id, build.specs(2), enis) == lacking


def test_what_another_instance_holds_is_lacking(build: Builders) -> None:
    assert missing(build.instance_id, build.specs(1), [moved(build, "n1")]) == ("n1",)


def moved(build: Builders, interface: str) -> NetworkInterface:
    """Return a network interface of the node that somebody attached to another instance, without its tags' care."""
    elsewhere = build.attached(
        interface, instance_id=InstanceId("i-other"), delete_on_termination=False
    )
    ledger = {**build.tags(interface), tags.NO_MANAGE: "false"}
    return dataclasses.replace(elsewhere, tags=ledger)


# Drift.


def drift(
    build: Builders,
    specs: Sequence[InterfaceSpec],
    enis: Sequence[NetworkInterface],
    groups: tuple[SecurityGroupId, ...] | None = (Builders.security_group,),
) -> dict[EniId | None, list[Step]]:
    """Return what is planned to be done to each network interface."""
    plan = plan_repair(build.instance_id, enis, [Promise(spec, groups) for spec in specs])
    assert (plan.deletions, plan.failure, plan.waiting) == ((), None, False)
    steps: dict[EniId | None, list[Step]] = {}
    for item in plan.work:
        assert item.attachment_id is not None
        steps.setdefault(item.eni_id, []).extend(item.steps)
    return steps


@pytest.mark.parametrize("value", [None, "True", "1", "false"])
def test_a_no_manage_tag_that_the_vpc_cni_would_not_honour_is_put_right(
    build: Builders, value: str | None
) -> None:
    eni = build.attached()
    drifted = {key: text for key, text in eni.tags.items() if key != tags.NO_MANAGE}
    if value is not None:
        drifted[tags.NO_MANAGE] = value
    eni = dataclasses.replace(eni, tags=drifted)
    assert drift(build, [build.spec()], [eni]) == {eni.eni_id: [AddTags({tags.NO_MANAGE: "true"})]}


def test_a_persons_tag_that_was_changed_is_put_right(build: Builders) -> None:
    eni = build.attached()
    changed = dataclasses.replace(eni, tags={**eni.tags, "team": "core", "extra": "stays"})
    assert drift(build, [build.spec(tags={"team": "ran"})], [changed]) == {
        eni.eni_id: [AddTags({"team": "ran"})]
    }


def test_an_interface_that_is_no_longer_configured_stays_harmless(build: Builders) -> None:
    """The VPC CNI must not take it, and it must not outlive its node; nobody says what else it should be like."""
    eni = build.attached("retired", delete_on_termination=False, source_dest_check=False)
    bare = {key: text for key, text in eni.tags.items() if key != tags.NO_MANAGE}
    assert drift(build, [], [dataclasses.replace(eni, tags=bare)]) == {
        eni.eni_id: [AddTags({tags.NO_MANAGE: "true"}), SetDeleteOnTermination()]
    }


def drifted(build: Builders) -> NetworkInterface:
    return build.attached(
        delete_on_termination=False,
        source_dest_check=False,
        security_group_ids=frozenset({SecurityGroupId("sg-other")}),
    )


def test_drift_of_attributes_is_put_right_each_by_itself(build: Builders) -> None:
    eni = drifted(build)
    plan = plan_repair(build.instance_id, [eni], [Promise(build.spec(), (build.security_group,))])
    assert [item.steps for item in plan.work] == [
        (SetDeleteOnTermination(),),
        (SetSecurityGroups((build.security_group,)),),
        (SetSourceDestCheck(enabled=True),),
    ]
    assert plan.reason == (
        "n3 needs SetDeleteOnTermination; n3 needs SetSecurityGroups; n3 needs SetSourceDestCheck"
    )


def test_security_groups_that_cannot_be_settled_stay_and_the_rest_is_put_right(
    build: Builders,
) -> None:
    eni = drifted(build)
    assert drift(build, [build.spec()], [eni], groups=None) == {
        eni.eni_id: [SetDeleteOnTermination(), SetSourceDestCheck(enabled=True)]
    }


def test_what_is_as_it_should_be_is_left_alone(build: Builders) -> None:
    assert drift(build, build.specs(1), [build.attached("n1")]) == {}


@pytest.mark.parametrize(
    ("ipv4", "ipv6"),
    [
        (("10.0.1.9", "10.0.1.10", "10.0.1.200"), ()),
        (("10.0.1.9",), ("2001:db8::9", "2001:db8::200")),
        (("10.0.1.9",), ()),
    ],
    ids=["IPv4 that came", "IPv6 that came", "all that went"],
)
@pytest.mark.parametrize("pool", [0, 2], ids=["no pool", "a pool"])
def test_addresses_that_came_or_went_later_are_no_drift(
    build: Builders, ipv4: tuple[str, ...], ipv6: tuple[str, ...], pool: int
) -> None:
    """They follow pods, or are given out by somebody else: to put them back would cut off who uses them."""
    spec = build.spec("n1", 1, pool_ipv4=pool, ipv6_count=pool)
    eni = dataclasses.replace(build.attached("n1"), ipv4_addresses=ipv4, ipv6_addresses=ipv6)
    assert drift(build, [spec], [eni]) == {}
    assert missing(build.instance_id, [spec], [eni]) == ()


@pytest.mark.parametrize("kind", ["unattached", "detaching", "elsewhere"])
def test_what_the_node_does_not_hold_is_not_repaired(build: Builders, kind: str) -> None:
    wrong = {tags.NO_MANAGE: "false"}
    eni = {
        "unattached": build.eni("n1"),
        "detaching": build.attached("n1", attachment_status=AttachmentStatus.DETACHING),
        "elsewhere": moved(build, "n1"),
    }[kind]
    eni = dataclasses.replace(eni, tags={**eni.tags, **wrong})
    assert drift(build, build.specs(1), [eni]) == {}


@given(data=st.data())
def test_whatever_else_a_node_lacks_each_attached_interface_is_repaired_alike(
    build: Builders, data: st.DataObject
) -> None:
    """Neither a missing interface, nor an index that another one holds, nor a selector without an answer matters."""
    eni = drifted(build)
    alone = drift(build, [build.spec()], [eni])[eni.eni_id]
    others = data.draw(st.lists(st.sampled_from(["n1", "n2", "n4"]), unique=True))
    fixed = data.draw(st.booleans())
    specs = [build.spec(name, 1, device_index_fixed=fixed) for name in others]
    held = [build.attached(name, index) for index, name in enumerate(others[:1], start=2)]
    promises = [Promise(spec, None) for spec in specs]
    promises.insert(
        data.draw(st.integers(0, len(promises))), Promise(build.spec(), (build.security_group,))
    )
    plan = plan_repair(build.instance_id, [*held, eni], promises)
    steps = [step for item in plan.work if item.eni_id == eni.eni_id for step in item.steps]
    assert steps == alone


# Nodes older than the stack.


def test_each_missing_interface_is_planned_by_itself(build: Builders) -> None:
    cni = build.attachment(EniId("eni-cni"), 1)
    specs = [build.spec("n1", 1, device_index_fixed=True), build.spec("n2", 2)]
    node = build.node(specs, instance=build.instance(attachments=[cni]))
    first, second = plan_adoption(node, specs, {})
    assert first.failure is not None
    assert (first.failure.code, first.work) == ("device-index-conflict", ())
    (work,) = second.work
    assert [type(step) for step in work.steps] == [Create, Attach, SetDeleteOnTermination]


def test_an_unattached_interface_of_an_earlier_try_is_attached_and_no_other_made(
    build: Builders,
) -> None:
    eni = build.eni("n1")
    specs = build.specs(1)
    (plan,) = plan_adoption(build.node(specs, [eni]), specs, {})
    (work,) = plan.work
    assert (work.eni_id, work.steps) == (eni.eni_id, (Attach(1, 0), SetDeleteOnTermination()))
    assert plan.deletions == ()


def test_an_index_promised_to_an_interface_that_could_not_be_settled_is_left_free(
    build: Builders,
) -> None:
    cni = build.attachment(EniId("eni-cni"), 1)
    settled, unsettled = build.spec("n1", 1), build.spec("n2", 2)
    node = build.node([settled], instance=build.instance(attachments=[cni]))
    (plan,) = plan_adoption(node, [settled, unsettled], {})
    assert Attach(3, 0) in plan.work[0].steps


def test_a_create_that_was_lost_is_made_anew(build: Builders) -> None:
    specs = build.specs(1)
    (plan,) = plan_adoption(build.node(specs), specs, {"n1": 2})
    create = plan.work[0].steps[0]
    assert isinstance(create, Create)
    assert create.generation == 2


@pytest.mark.parametrize("kind", ["stopping", "detaching"])
def test_what_cannot_be_attached_just_now_is_waited_for(build: Builders, kind: str) -> None:
    enis = [build.eni("n1", status=EniStatus.DETACHING)] if kind == "detaching" else []
    state = InstanceState.STOPPING if kind == "stopping" else InstanceState.RUNNING
    specs = build.specs(1)
    (plan,) = plan_adoption(build.node(specs, enis, build.instance(state)), specs, {})
    assert (plan.work, plan.waiting, plan.failure) == ((), True, None)
    assert kind in plan.reason


# Orphans.


def orphans(
    build: Builders,
    enis: Sequence[NetworkInterface],
    instances: Sequence[Instance] = (),
    max_deletions: int = 100,
) -> Orphans:
    return find_orphans(
        enis,
        {instance.instance_id: instance for instance in instances},
        now=build.launched_at + LONG_AGO,
        min_age=MIN_AGE,
        max_deletions=max_deletions,
    )


@pytest.mark.parametrize("state", InstanceState, ids=lambda state: state.value)
def test_what_is_left_of_an_instance_is_deleted_only_when_it_is_gone(
    build: Builders, state: InstanceState
) -> None:
    eni = build.eni()
    found = orphans(build, [eni], [build.instance(state)])
    assert (found.delete == (eni.eni_id,)) is state.is_gone
    assert state.is_gone or found.kept == {
        eni.eni_id: f"its instance {build.instance_id} is {state.value} and may get it yet"
    }


def test_what_is_left_of_an_unknown_instance_is_deleted(build: Builders) -> None:
    assert orphans(build, [build.eni()]).delete == (build.eni().eni_id,)


def without(eni: NetworkInterface, *keys: str) -> NetworkInterface:
    kept = {key: value for key, value in eni.tags.items() if key not in keys}
    return dataclasses.replace(eni, tags=kept)


def test_whatever_is_not_known_is_kept_with_the_reason(build: Builders) -> None:
    now = build.launched_at + LONG_AGO
    cases = {
        "its tags do not say what it is for": [
            without(build.eni(suffix="1"), tags.INSTANCE),
            without(build.eni(suffix="2"), tags.INTERFACE),
        ],
        "its tags do not say when it was made": [without(build.eni(suffix="3"), tags.CREATED_AT)],
        "it is younger than the minimum age": [
            build.eni(suffix="4", created_at=now - MIN_AGE + timedelta(seconds=1))
        ],
    }
    for reason, enis in cases.items():
        found = orphans(build, enis)
        assert found.delete == ()
        assert found.kept == {eni.eni_id: reason for eni in enis}


def test_a_spare_beside_an_attached_interface_is_an_orphan_of_a_living_node(
    build: Builders,
) -> None:
    spare = build.eni(suffix="2")
    found = orphans(build, [spare, build.attached()], [build.instance()])
    assert found.delete == (spare.eni_id,)


def test_one_run_deletes_no_more_than_its_bound(build: Builders) -> None:
    enis = [build.eni(suffix=str(number)) for number in range(5)]
    found = orphans(build, enis, max_deletions=2)
    assert (len(found.delete), found.deferred, found.found) == (2, 3, 5)


@st.composite
def fleets(draw: st.DrawFn, build: Builders) -> tuple[list[NetworkInterface], list[Instance]]:
    """Draw network interfaces in every condition and what is known of their instances."""
    ids = [InstanceId(f"i-{number}") for number in range(4)]
    known = draw(st.lists(st.sampled_from(ids), unique=True))
    instances = [
        build.instance(draw(st.sampled_from(list(InstanceState))), instance_id=instance_id)
        for instance_id in known
    ]
    enis = []
    for number in range(draw(st.integers(0, 8))):
        instance_id = draw(st.sampled_from(ids))
        interface = draw(st.sampled_from(["n1", "n2"]))
        age = timedelta(minutes=draw(st.integers(0, 60)))
        if draw(st.booleans()):
            eni = build.eni(
                interface,
                str(number),
                status=draw(st.sampled_from(list(EniStatus))),
                instance_id=instance_id,
                created_at=build.launched_at + LONG_AGO - age,
            )
        else:
            eni = build.attached(
                interface,
                number + 1,
                str(number),
                draw(st.sampled_from(list(AttachmentStatus))),
                instance_id=instance_id,
            )
        dropped = draw(
            st.sets(st.sampled_from([tags.INSTANCE, tags.INTERFACE, tags.CREATED_AT]), max_size=1)
        )
        enis.append(without(eni, *dropped))
    return enis, instances


@given(data=st.data(), bound=st.integers(0, 5))
def test_deletion_fails_closed(build: Builders, data: st.DataObject, bound: int) -> None:
    enis, instances = data.draw(fleets(build))
    now = build.launched_at + LONG_AGO
    found = orphans(build, enis, instances, bound)
    assert len(found.delete) <= bound
    assert set(found.delete).isdisjoint(found.kept)
    alive = {each.instance_id for each in instances if not each.state.is_gone}
    held = {
        (eni.tags.get(tags.INSTANCE), eni.tags.get(tags.INTERFACE))
        for eni in enis
        if eni.attachment
    }
    for eni in [each for each in enis if each.eni_id in found.delete]:
        created = tags.created_at(eni.tags)
        assert (eni.attachment, eni.status) == (None, EniStatus.AVAILABLE)
        assert created is not None
        assert now - created >= MIN_AGE
        instance_id, interface = eni.tags[tags.INSTANCE], eni.tags[tags.INTERFACE]
        assert instance_id not in alive or (instance_id, interface) in held


@given(
    st.sets(st.integers(0, 10**6), max_size=40),
    st.integers(1, 50),
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants them naive
)
def test_no_more_nodes_have_their_turn_than_a_run_adopts(
    numbers: set[int], most: int, now: datetime
) -> None:
    nodes = {InstanceId(f"i-{number:017x}") for number in numbers}
    turn = whose_turn(nodes, most, now)
    assert turn <= nodes
    assert len(turn) == min(most, len(nodes))
    assert turn == whose_turn(sorted(nodes), most, now)


def test_every_node_has_its_turn_soon_whatever_the_interval() -> None:
    nodes = {InstanceId(f"i-{number:017x}") for number in range(100)}
    for interval in (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=3)):
        runs = [
            whose_turn(nodes, 50, datetime(2026, 11, 28, tzinfo=UTC) + interval * number)
            for number in range(20)
        ]
        assert frozenset.union(*runs) == nodes
