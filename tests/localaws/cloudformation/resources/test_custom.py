"""Custom resources: what their function is asked, and what becomes of its answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from localaws.cloudformation.resources.custom import DEFAULT_TIMEOUT_S, MAX_ANSWER_BYTES
from tests.localaws.cloudformation.resources.test_table import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localaws.account import Account
    from tests.localaws.cloudformation.conftest import Stacks

    Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | str | None]

TOKEN = {"Fn::GetAtt": ["Function", "Arn"]}
NAMED = {
    **FUNCTION,
    "Function": {
        **FUNCTION["Function"],
        "Properties": {**FUNCTION["Function"]["Properties"], "FunctionName": "maker"},
    },
}


def _success(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def custom(kind: str = "Custom::Thing", **properties: object) -> dict[str, Any]:
    return {"Type": kind, "Properties": {"ServiceToken": TOKEN, **properties}}


def broken(name: str = "/taken") -> dict[str, Any]:
    """Return a resource that cannot be made, after the custom one."""
    properties = {"Name": name, "Type": "String", "Value": "v"}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties, "DependsOn": "Thing"}


@dataclass
class Maker:
    """The function behind the resources: remembers what it was asked, and answers as it is told."""

    account: Account
    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """By request type, in the place of success."""
    content_type: str | None = None

    def handle(self, event: dict[str, Any], _context: object) -> None:
        """Do nothing, and put the answer where it is waited for."""
        self.asked.append(event)
        answering: Answer = self.answers.get(event["RequestType"], _success)
        answer = answering(event)
        if answer is None:
            return
        body = answer if isinstance(answer, str) else json.dumps({**self._success(event), **answer})
        bucket, _, key = urlsplit(event["ResponseURL"]).path.lstrip("/").partition("/")
        typed = {"ContentType": self.content_type} if self.content_type else {}
        self.account.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **typed)

    @property
    def kinds(self) -> list[tuple[str, str | None]]:
        """What was asked, of which physical id."""
        return [(one["RequestType"], one.get("PhysicalResourceId")) for one in self.asked]

    @staticmethod
    def _success(event: Mapping[str, Any]) -> dict[str, Any]:
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        name = event["ResourceProperties"].get("Name", "thing")
        return {**copied, "Status": "SUCCESS", "PhysicalResourceId": name}


@pytest.fixture
def maker(account: Account) -> Maker:
    made = Maker(account)
    account.functions.register("maker", made.handle)
    return made


def failed(reason: str) -> Answer:
    return lambda _: {"Status": "FAILED", "Reason": reason}


def test_the_function_gets_the_fields_that_are_documented(stacks: Stacks, maker: Maker) -> None:
    thing = custom(Name="a", Count=3, Nested={"Size": 1, "List": [2, "x"]}, ServiceTimeout=60)
    assert stacks.create({**NAMED, "Thing": thing}) == "CREATE_COMPLETE", stacks.reasons()
    (event,) = maker.asked
    assert event.keys() == {
        *("RequestType", "ResponseURL", "StackId", "RequestId", "ResourceType"),
        *("LogicalResourceId", "ResourceProperties"),
    }
    assert (event["RequestType"], event["ResourceType"]) == ("Create", "Custom::Thing")
    assert (event["StackId"], event["LogicalResourceId"]) == (stacks.stack_id(), "Thing")
    properties = event["ResourceProperties"]
    assert properties.pop("ServiceToken").endswith(":function:maker")
    assert properties == {
        "Name": "a",
        "Count": "3",
        "Nested": {"Size": "1", "List": ["2", "x"]},
        "ServiceTimeout": "60",
    }
    assert "X-Amz-Signature=" in event["ResponseURL"]


def test_ref_is_the_physical_id_and_attributes_are_the_data(stacks: Stacks, maker: Maker) -> None:
    maker.answers["Create"] = lambda _: {"Data": {"Colour": "red"}}
    outputs = {
        "Ref": {"Value": {"Ref": "Thing"}},
        "Colour": {"Value": {"Fn::GetAtt": ["Thing", "Colour"]}},
    }
    stacks.create({**NAMED, "Thing": custom(Name="a")}, Outputs=outputs)
    assert stacks.outputs() == {"Ref": "a", "Colour": "red"}


def test_an_update_with_the_same_id_is_in_place(stacks: Stacks, maker: Maker) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a", Size=1)})
    assert stacks.update({**NAMED, "Thing": custom(Name="a", Size=2)}) == "UPDATE_COMPLETE"
    assert maker.kinds == [("Create", None), ("Update", "a")]
    assert maker.asked[1]["OldResourceProperties"]["Size"] == "1"
    assert maker.asked[1]["ResourceProperties"]["Size"] == "2"


def test_what_does_not_change_is_not_asked_again(stacks: Stacks, maker: Maker) -> None:
    thing = custom(Name="a")
    stacks.create({**NAMED, "Thing": thing})
    stacks.update({**NAMED, "Thing": thing, "Other": {"Type": "AWS::SQS::Queue"}})
    assert maker.kinds == [("Create", None)]


def test_another_id_is_a_replacement_and_the_old_one_goes_last(
    stacks: Stacks, maker: Maker
) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    assert stacks.update({**NAMED, "Thing": custom(Name="b")}) == "UPDATE_COMPLETE"
    assert maker.kinds == [("Create", None), ("Update", "a"), ("Delete", "a")]
    assert maker.asked[-1]["ResourceProperties"]["Name"] == "a"
    assert stacks.physical_ids()["Thing"] == "b"
    history = stacks.history()
    assert history.index(("S", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")) < history.index(
        ("Thing", "DELETE_COMPLETE")
    )


def test_an_old_one_that_will_not_go_is_tried_three_times_and_left(
    stacks: Stacks, maker: Maker
) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    maker.answers["Delete"] = failed("in use")
    assert stacks.update({**NAMED, "Thing": custom(Name="b")}) == "UPDATE_COMPLETE"
    assert [kind for kind, _ in maker.kinds].count("Delete") == 3
    assert "Message returned: in use (RequestId:" in stacks.reasons()["Thing"]


def test_an_old_one_that_goes_at_the_second_try_is_gone(stacks: Stacks, maker: Maker) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    tries = iter([{"Status": "FAILED", "Reason": "in use"}, {}])
    maker.answers["Delete"] = lambda _: next(tries)
    stacks.update({**NAMED, "Thing": custom(Name="b")})
    assert [kind for kind, _ in maker.kinds].count("Delete") == 2


def test_a_creation_that_fails_rolls_the_stack_back_with_the_reason(
    stacks: Stacks, maker: Maker
) -> None:
    maker.answers["Create"] = failed("no room")
    assert stacks.create({**NAMED, "Thing": custom(Name="a")}) == "ROLLBACK_COMPLETE"
    (request_id,) = {one["RequestId"] for one in maker.asked if one["RequestType"] == "Create"}
    assert stacks.reasons()["Thing"] == (
        "Received response status [FAILED] from custom resource. Message returned: no room "
        f"(RequestId: {request_id})"
    )
    assert maker.kinds == [("Create", None), ("Delete", "a")]


def test_an_update_that_fails_is_sent_again_the_other_way_round(
    stacks: Stacks, maker: Maker
) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    stays = {"PhysicalResourceId": "a"}
    answers = iter([{**stays, "Status": "FAILED", "Reason": "no room"}, stays])
    maker.answers["Update"] = lambda _: next(answers)
    status = stacks.update({**NAMED, "Thing": custom(Name="b")})
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert maker.kinds == [("Create", None), ("Update", "a"), ("Update", "a")]
    assert maker.asked[2]["ResourceProperties"]["Name"] == "a"
    assert maker.asked[2]["OldResourceProperties"]["Name"] == "b"


def test_a_replacement_is_taken_back_when_another_resource_fails(
    stacks: Stacks, maker: Maker, account: Account
) -> None:
    account.client("ssm").put_parameter(Name="/taken", Type="String", Value="someone's")
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    status = stacks.update({**NAMED, "Thing": custom(Name="b"), "Broken": broken()})
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert maker.kinds == [
        ("Create", None),
        ("Update", "a"),
        ("Update", "b"),
        ("Delete", "b"),
    ]
    assert stacks.physical_ids()["Thing"] == "a"


def test_a_deletion_that_fails_stops_the_stacks(stacks: Stacks, maker: Maker) -> None:
    stacks.create({**NAMED, "Thing": custom(Name="a")})
    maker.answers["Delete"] = failed("in use")
    stack_id = stacks.stack_id()
    assert stacks.delete() == "DELETE_FAILED"
    assert "in use" in stacks.reasons(stack_id)["Thing"]
    assert "Function" in stacks.physical_ids(stack_id)
    maker.answers.clear()
    assert stacks.delete() == "DELETE_COMPLETE"


@pytest.mark.parametrize(("timeout", "seconds"), [(None, DEFAULT_TIMEOUT_S), (90, 90)])
def test_a_function_that_never_answers_is_waited_for_until_the_time_out(
    stacks: Stacks, maker: Maker, account: Account, timeout: int | None, seconds: int
) -> None:
    maker.answers["Create"] = lambda _: None
    thing = custom(ServiceTimeout=timeout) if timeout else custom()
    begin_s = account.clock.now()
    assert stacks.create({**NAMED, "Thing": thing}) == "ROLLBACK_COMPLETE"
    assert seconds <= account.clock.now() - begin_s <= seconds + 10
    assert "CloudFormation did not receive a response" in stacks.reasons()["Thing"]
    (_, (kind, made_up)) = maker.kinds
    assert kind == "Delete"
    assert made_up is not None
    assert made_up.startswith("S-Thing-")


def test_a_function_that_fails_is_run_again_and_may_answer_then(
    stacks: Stacks, maker: Maker
) -> None:
    runs = iter([RuntimeError("out of memory"), None])

    def answer(_: Mapping[str, Any]) -> Mapping[str, Any]:
        if error := next(runs):
            raise error
        return {}

    maker.answers["Create"] = answer
    assert stacks.create({**NAMED, "Thing": custom(Name="a")}) == "CREATE_COMPLETE"
    assert maker.kinds == [("Create", None)] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(lambda _: "success", "it is not JSON", id="no JSON"),
        pytest.param(lambda _: {"Status": "DONE"}, "Status is neither", id="an unknown status"),
        pytest.param(
            lambda _: {"PhysicalResourceId": ""}, "Invalid PhysicalResourceId", id="no id"
        ),
        pytest.param(
            lambda _: {"PhysicalResourceId": "x" * 1025},
            "Invalid PhysicalResourceId",
            id="a long id",
        ),
        pytest.param(lambda _: {"RequestId": "r"}, "RequestId differs", id="another request's"),
        pytest.param(lambda _: {"Status": "FAILED"}, "Reason is required", id="no reason"),
        pytest.param(
            lambda _: {"Data": {"x": "x" * MAX_ANSWER_BYTES}},
            "Response object is too long",
            id="too long",
        ),
        pytest.param(lambda _: {"NoEcho": True}, "does not model NoEcho", id="NoEcho"),
    ],
)
def test_what_is_no_answer_is_a_failure(
    stacks: Stacks, maker: Maker, answer: Answer, words: str
) -> None:
    maker.answers["Create"] = answer
    assert stacks.create({**NAMED, "Thing": custom()}).startswith("ROLLBACK_")
    assert words in stacks.reasons()["Thing"]


def test_an_answer_with_a_content_type_does_not_fit_the_urls_signature(
    stacks: Stacks, maker: Maker
) -> None:
    maker.content_type = "application/json"
    stacks.create({**NAMED, "Thing": custom(ServiceTimeout=60)})
    assert "did not receive a response" in stacks.reasons()["Thing"]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        pytest.param("arn:aws:sns:us-east-1:123456789012:t", "does not model", id="a topic"),
        pytest.param("maker", "does not model", id="a name"),
        pytest.param(
            "arn:aws:lambda:us-east-1:123456789012:function:none", "Function not found", id="gone"
        ),
    ],
)
def test_a_token_that_is_no_function_is_refused(stacks: Stacks, token: str, words: str) -> None:
    stacks.create({"Thing": custom(ServiceToken=token)})
    assert words in stacks.reasons()["Thing"]


def test_the_token_is_required(stacks: Stacks) -> None:
    stacks.create({"Thing": {"Type": "Custom::Thing", "Properties": {"Name": "a"}}})
    assert "ServiceToken" in stacks.reasons()["Thing"]


@pytest.mark.parametrize("kind", ["Custom::", "Custom::a b", f"Custom::{'x' * 61}"])
def test_a_name_that_no_custom_type_can_have_is_refused(stacks: Stacks, kind: str) -> None:
    with pytest.raises(stacks.client.exceptions.ClientError, match="Invalid type"):
        stacks.create({**NAMED, "Thing": custom(kind)})


def test_the_general_type_is_a_custom_resource_too(stacks: Stacks, maker: Maker) -> None:
    thing = custom("AWS::CloudFormation::CustomResource", Name="a")
    assert stacks.create({**NAMED, "Thing": thing}) == "CREATE_COMPLETE"
    assert maker.asked[0]["ResourceType"] == "AWS::CloudFormation::CustomResource"
