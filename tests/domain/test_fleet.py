"""What the scheduled reconciler repairs, and above all what it never deletes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tags
from domain.fleet import (
    TAKE_OVER_AFTER,
    WaitingAction,
    about_waiting,
    all_attached,
    find_orphans,
    missing,
    plan_repair,
)
from domain.model import AttachmentStatus, EniStatus, InstanceId, InstanceState, SecurityGroupId
from domain.plan import AddTags, SetDeleteOnTermination, SetSecurityGroups, SetSourceDestCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.fleet import Orphans
    from domain.model import Instance, NetworkInterface
    from tests.fakes.builders import Builders

MIN_AGE = timedelta(minutes=15)
LONG_AGO = timedelta(hours=2)


# Nodes that wait in a hook.


@pytest.mark.parametrize(
    ("waited_s", "backlog", "action"),
    [
        pytest.param(0, False, WaitingAction.LEAVE, id="its event is on its way"),
        pytest.param(59, False, WaitingAction.LEAVE, id="still"),
        pytest.param(60, False, WaitingAction.TAKE_OVER, id="no message and none to come"),
        pytest.param(9999, False, WaitingAction.TAKE_OVER, id="its message is dead"),
        pytest.param(60, True, WaitingAction.LEAVE, id="in the queue"),
        pytest.param(199, True, WaitingAction.LEAVE, id="in a queue that moves"),
        pytest.param(200, True, WaitingAction.HEARTBEAT, id="in a long queue"),
        pytest.param(599, True, WaitingAction.HEARTBEAT, id="in a longer one"),
        pytest.param(600, True, WaitingAction.TAKE_OVER, id="in a queue that never empties"),
    ],
)
def test_a_waiting_node_is_left_prolonged_or_taken_over(
    waited_s: int, backlog: bool, action: WaitingAction
) -> None:
    waited = timedelta(seconds=waited_s)
    assert about_waiting(waited, backlog=backlog, heartbeat_timeout_s=600) is action


def test_a_short_hook_is_prolonged_before_it_is_taken_over() -> None:
    waited = TAKE_OVER_AFTER - timedelta(seconds=1)
    action = about_waiting(waited, backlog=False, heartbeat_timeout_s=60)
    assert action is WaitingAction.HEARTBEAT


@pytest.mark.parametrize(
    ("attached", "free", "everything"),
    [
        pytest.param(("n1", "n2"), (), True, id="both"),
        pytest.param(("n1", "n2", "n9"), (), True, id="and one that is not configured any more"),
        pytest.param(("n1",), ("n2",), False, id="one still unattached"),
        pytest.param((), (), False, id="none"),
    ],
)
def test_a_node_has_everything_when_something_is_attached_for_each_interface(
    build: Builders, attached: tuple[str, ...], free: tuple[str, ...], everything: bool
) -> None:
    (group,) = build.config(build.specs(2)).node_groups
    enis = [
        *(build.attached(name, index) for index, name in enumerate(attached, start=1)),
        *(build.eni(name) for name in free),
    ]
    assert all_attached(group, enis) is everything


# Drift.


@pytest.mark.parametrize("value", [None, "True", "1", "false"])
def test_a_no_manage_tag_that_the_vpc_cni_would_not_honour_is_put_right(
    build: Builders, value: str | None
) -> None:
    eni = build.attached()
    drifted = {key: text for key, text in eni.tags.items() if key != tags.NO_MANAGE}
    if value is not None:
        drifted[tags.NO_MANAGE] = value
    node = build.node([build.spec()], [dataclasses.replace(eni, tags=drifted)])
    (work,) = plan_repair(node).work
    assert work.steps == (AddTags({tags.NO_MANAGE: "true"}),)
    assert (work.eni_id, work.interface) == (eni.eni_id, "n3")


def test_a_persons_tag_that_was_changed_is_put_right(build: Builders) -> None:
    eni = build.attached()
    changed = dataclasses.replace(eni, tags={**eni.tags, "team": "core", "extra": "stays"})
    (work,) = plan_repair(build.node([build.spec(tags={"team": "ran"})], [changed])).work
    assert work.steps == (AddTags({"team": "ran"}),)


def test_an_interface_that_is_no_longer_configured_keeps_out_of_the_vpc_cnis_hands(
    build: Builders,
) -> None:
    eni = build.attached("retired")
    bare = {key: text for key, text in eni.tags.items() if key != tags.NO_MANAGE}
    (work,) = plan_repair(build.node([], [dataclasses.replace(eni, tags=bare)])).work
    assert work.steps == (AddTags({tags.NO_MANAGE: "true"}),)


def test_drift_of_attributes_is_put_right(
    build: Builders,
) -> None:
    other = SecurityGroupId("sg-other")
    eni = build.attached(
        delete_on_termination=False, source_dest_check=False, security_group_ids=frozenset({other})
    )
    (work,) = plan_repair(build.node([build.spec()], [eni])).work
    assert work.steps == (
        SetSecurityGroups((build.security_group,)),
        SetDeleteOnTermination(),
        SetSourceDestCheck(enabled=True),
    )


def test_what_is_as_it_should_be_is_left_alone(build: Builders) -> None:
    assert plan_repair(build.node(build.specs(1), [build.attached("n1")])).work == ()


def test_repair_never_creates_attaches_or_deletes(build: Builders) -> None:
    node = build.node(build.specs(3), [build.eni("n1"), build.eni("n1", "2"), build.attached("n2")])
    plan = plan_repair(node)
    assert (plan.work, plan.deletions) == ((), ())
    assert missing(node) == ("n1", "n3")


def test_a_repair_that_cannot_be_planned_says_why(build: Builders) -> None:
    cni = build.attachment(build.eni("cni").eni_id, 1)
    spec = build.spec(device_index_fixed=True)
    plan = plan_repair(build.node([spec], instance=build.instance(attachments=[cni])))
    assert plan.failure is not None
    assert plan.failure.code == "device-index-conflict"


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
