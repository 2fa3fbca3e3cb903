"""Stacks as a caller sees them: what a failure undoes, what an update touches, what a deletion leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from botocore.exceptions import ClientError

from localaws.cloudformation.service import bucket_and_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ParameterTypeDef,
    )

    from localaws.account import Account
    from tests.localaws.cloudformation.conftest import Stacks


def _queue(**properties: object) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def _parameter(name: str, value: object = "v", **more: object) -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": name, "Type": "String", "Value": value},
        **more,
    }


def _names(account: Account) -> list[str]:
    described = account.client("ssm").describe_parameters()["Parameters"]
    return sorted(one["Name"] for one in described)


@pytest.fixture
def taken(account: Account) -> str:
    account.client("ssm").put_parameter(Name="/taken", Type="String", Value="someone's")
    return "/taken"


def test_resources_are_made_in_the_order_of_their_references(stacks: Stacks) -> None:
    status = stacks.create({"B": _parameter("/b", {"Fn::GetAtt": ["A", "Arn"]}), "A": _queue()})

    made = [name for name, status in stacks.history() if status == "CREATE_COMPLETE"]
    assert status == "CREATE_COMPLETE"
    assert made == ["A", "B", "S"]


def test_depends_on_orders_what_no_reference_does(stacks: Stacks) -> None:
    stacks.create({"B": {**_parameter("/b"), "DependsOn": "A"}, "A": _queue()})

    made = [name for name, status in stacks.history() if status == "CREATE_COMPLETE"]
    assert made == ["A", "B", "S"]


def test_a_failing_creation_is_rolled_back_with_its_reason(
    stacks: Stacks, account: Account, taken: str
) -> None:
    status = stacks.create(
        {"First": _parameter("/first"), "Second": {**_parameter(taken), "DependsOn": "First"}}
    )

    assert status == "ROLLBACK_COMPLETE"
    assert "ParameterAlreadyExists" in stacks.reasons()["Second"]
    assert ("First", "DELETE_COMPLETE") in stacks.history()
    assert _names(account) == [taken]


def test_a_resource_that_fails_half_made_is_deleted(stacks: Stacks, account: Account) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "half",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/NoSuchPolicy"],
        },
    }

    status = stacks.create({"Role": role})

    assert status == "ROLLBACK_COMPLETE"
    assert account.client("iam").list_roles()["Roles"] == []


def test_a_rolled_back_stack_can_only_be_deleted(stacks: Stacks, taken: str) -> None:
    stacks.create({"A": _parameter(taken)})

    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.update({"A": _parameter("/a")})
    assert stacks.delete() == "DELETE_COMPLETE"


def test_an_update_touches_only_what_changed(stacks: Stacks, account: Account) -> None:
    stacks.create({"Same": _queue(), "Changed": _parameter("/c"), "Removed": _parameter("/r")})
    before = len(stacks.history())

    status = stacks.update(
        {"Same": _queue(), "Changed": _parameter("/c", "new"), "Added": _parameter("/a")}
    )

    touched = {name for name, _ in stacks.history()[before:]}
    assert status == "UPDATE_COMPLETE"
    assert touched == {"S", "Changed", "Added", "Removed"}
    assert _names(account) == ["/a", "/c"]


def test_a_create_only_property_replaces_the_resource_and_its_users_follow(
    stacks: Stacks, account: Account
) -> None:
    template = {"Q": _queue(QueueName="one"), "P": _parameter("/p", {"Ref": "Q"})}
    stacks.create(template)

    status = stacks.update({**template, "Q": _queue(QueueName="two")})

    queues = account.client("sqs").list_queues()["QueueUrls"]
    value = account.client("ssm").get_parameter(Name="/p")["Parameter"]["Value"]
    assert status == "UPDATE_COMPLETE"
    assert [url.rsplit("/", 1)[1] for url in queues] == ["two"]
    assert value == queues[0]


def test_a_custom_named_resource_cannot_be_replaced_under_its_name(stacks: Stacks) -> None:
    stacks.create({"Q": _queue(QueueName="one.fifo", FifoQueue=True)})

    status = stacks.update({"Q": _queue(QueueName="one.fifo", FifoQueue=False)})

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "custom-named resource requires replacing" in stacks.reasons()["Q"]


def test_a_failing_update_puts_back_what_it_changed(
    stacks: Stacks, account: Account, taken: str
) -> None:
    stacks.create({"Changed": _parameter("/c", "old"), "Replaced": _queue(QueueName="one")})

    status = stacks.update(
        {
            "Changed": _parameter("/c", "new"),
            "Replaced": _queue(QueueName="two"),
            "Added": _parameter("/added"),
            "Failing": {**_parameter(taken), "DependsOn": ["Changed", "Replaced", "Added"]},
        }
    )

    ssm, sqs = account.client("ssm"), account.client("sqs")
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert ssm.get_parameter(Name="/c")["Parameter"]["Value"] == "old"
    assert [url.rsplit("/", 1)[1] for url in sqs.list_queues()["QueueUrls"]] == ["one"]
    assert _names(account) == ["/c", taken]
    assert stacks.physical_ids()["Replaced"].endswith("/one")


def test_a_stack_whose_update_was_rolled_back_can_be_updated_again(
    stacks: Stacks, taken: str
) -> None:
    stacks.create({"A": _parameter("/a")})
    stacks.update({"A": _parameter("/a"), "B": _parameter(taken)})

    assert stacks.update({"A": _parameter("/a"), "B": _parameter("/b")}) == "UPDATE_COMPLETE"


def test_an_update_without_changes_is_refused(stacks: Stacks) -> None:
    stacks.create({"A": _queue()})

    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update({"A": _queue()})


def test_deletion_runs_against_the_order_of_creation(stacks: Stacks) -> None:
    stacks.create({"B": _parameter("/b", {"Ref": "A"}), "A": _queue()})
    stack_id = stacks.stack_id()

    stacks.delete()

    gone = [name for name, status in stacks.history(stack_id) if status == "DELETE_COMPLETE"]
    assert gone == ["B", "A", "S"]


def test_a_resource_that_will_not_go_makes_the_deletion_fail(
    stacks: Stacks, account: Account
) -> None:
    stacks.create(
        {
            "Used": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "in-use"}},
            "Free": _parameter("/free"),
        }
    )
    s3 = account.client("s3")
    s3.put_object(Bucket="in-use", Key="k", Body=b"")

    assert stacks.delete() == "DELETE_FAILED"
    assert "BucketNotEmpty" in stacks.reasons()["Used"]
    assert _names(account) == []
    s3.delete_object(Bucket="in-use", Key="k")
    assert stacks.delete() == "DELETE_COMPLETE"


def test_a_managed_policy_that_a_role_of_somebody_else_has_goes_once_it_is_taken_off(
    stacks: Stacks, account: Account
) -> None:
    allows = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allows]}
    trust = {"Version": "2012-10-17", "Statement": []}
    stacks.create(
        {"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}}
    )
    iam, held = account.client("iam"), {"RoleName": "node", "PolicyArn": stacks.physical_ids()["P"]}
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=json.dumps(trust))
    iam.attach_role_policy(**held)

    assert stacks.delete() == "DELETE_FAILED"
    assert "Cannot delete a policy attached to entities" in stacks.reasons()["P"]
    iam.detach_role_policy(**held)
    assert stacks.delete() == "DELETE_COMPLETE"


def test_retained_resources_stay(stacks: Stacks, account: Account) -> None:
    stacks.create({"Kept": _parameter("/kept", DeletionPolicy="Retain"), "A": _parameter("/a")})

    assert stacks.delete() == "DELETE_COMPLETE"
    assert _names(account) == ["/kept"]


def test_a_replaced_resource_stays_under_its_replace_policy(
    stacks: Stacks, account: Account
) -> None:
    stacks.create({"A": _parameter("/old", UpdateReplacePolicy="Retain")})

    stacks.update({"A": _parameter("/new", UpdateReplacePolicy="Retain")})

    assert _names(account) == ["/new", "/old"]


@pytest.mark.parametrize(
    ("policy", "left"), [("Retain", ["/a", "/taken"]), ("RetainExceptOnCreate", ["/taken"])]
)
def test_a_rolled_back_creation_honours_the_deletion_policy(
    stacks: Stacks, account: Account, taken: str, policy: str, left: list[str]
) -> None:
    stacks.create(
        {
            "A": _parameter("/a", DeletionPolicy=policy),
            "B": {**_parameter(taken), "DependsOn": "A"},
        }
    )

    assert _names(account) == left


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        pytest.param(
            {"A": {"Type": "AWS::SQS::Queeu"}},
            r"Unrecognized resource types: \[AWS::SQS::Queeu\]",
            id="mistyped type",
        ),
        pytest.param(
            {"A": {"Type": "AWS::EKS::Cluster"}},
            r"Unrecognized resource types: \[AWS::EKS::Cluster\]",
            id="type that the account does not model",
        ),
        pytest.param(
            {"A": _queue(QueueName={"Ref": "Nobody"})},
            r"Unresolved resource dependencies \[Nobody\] in the Resources block",
            id="Ref to nothing",
        ),
        pytest.param(
            {"A": {**_queue(), "DependsOn": "Nobody"}},
            r"Unresolved resource dependencies \[Nobody\]",
            id="DependsOn nothing",
        ),
        pytest.param(
            {"A": _parameter("/a", {"Ref": "B"}), "B": _parameter("/b", {"Ref": "A"})},
            r"Circular dependency between resources: \[A, B\]",
            id="circle",
        ),
        pytest.param(
            {"A": _queue(), "B": _parameter("/b", {"Fn::GetAtt": ["A", "Colour"]})},
            r"resource A does not support attribute type Colour in Fn::GetAtt",
            id="unknown attribute",
        ),
        pytest.param(
            {"A": {**_queue(), "Condition": "Maybe"}},
            "Unresolved condition dependency Maybe",
            id="unknown condition",
        ),
    ],
)
def test_a_template_that_cannot_become_a_stack_is_refused_before_anything_is_made(
    stacks: Stacks, resources: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        stacks.create(resources)
    with pytest.raises(ClientError, match="Stack with id S does not exist"):
        stacks.status()


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        pytest.param({"VisibilityTimout": 60}, "extraneous key [VisibilityTimout]", id="unknown"),
        pytest.param({"Arn": "arn"}, "extraneous key [Arn]", id="read-only"),
        pytest.param({"FifoQueue": "perhaps"}, "is not of type 'boolean'", id="wrong type"),
    ],
)
def test_a_property_that_the_type_lacks_fails_the_resource(
    stacks: Stacks, properties: dict[str, Any], message: str
) -> None:
    assert stacks.create({"A": _queue(**properties)}) == "ROLLBACK_COMPLETE"
    assert "Properties validation failed for resource A" in stacks.reasons()["A"]
    assert message in stacks.reasons()["A"]


def test_conditions_decide_which_resources_and_outputs_there_are(stacks: Stacks) -> None:
    stacks.create(
        {"Yes": {**_queue(), "Condition": "On"}, "No": {**_queue(), "Condition": "Off"}},
        Conditions={
            "On": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
            "Off": {"Fn::Not": [{"Condition": "On"}]},
        },
        Outputs={
            "Yes": {"Value": {"Fn::If": ["On", "on", "off"]}, "Condition": "On"},
            "No": {"Value": {"Ref": "No"}, "Condition": "Off"},
        },
    )

    assert list(stacks.physical_ids()) == ["Yes"]
    assert stacks.outputs() == {"Yes": "on"}


def test_outputs_follow_an_update(stacks: Stacks) -> None:
    stacks.create({"A": _queue()}, Outputs={"O": {"Value": "one"}})

    stacks.update({"A": _queue()}, Outputs={"O": {"Value": "two"}})

    assert stacks.outputs() == {"O": "two"}


def test_an_export_that_another_stack_uses_keeps_its_stack(stacks: Stacks) -> None:
    stacks.create(
        {"A": _queue()}, Outputs={"O": {"Value": {"Ref": "A"}, "Export": {"Name": "url"}}}
    )
    stacks.create({"B": _parameter("/b", {"Fn::ImportValue": "url"})}, name="User")

    assert stacks.delete() == "DELETE_FAILED"
    assert stacks.delete("User") == "DELETE_COMPLETE"
    assert stacks.delete() == "DELETE_COMPLETE"


def test_the_stack_s_tags_reach_its_resources(stacks: Stacks, account: Account) -> None:
    body = json.dumps({"Resources": {"A": _queue()}})
    stacks.client.create_stack(
        StackName="S", TemplateBody=body, Tags=[{"Key": "team", "Value": "telco"}]
    )

    url = stacks.physical_ids()["A"]
    assert account.client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"team": "telco"}


def test_iam_resources_need_an_acknowledgement(stacks: Stacks) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}

    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_IAM\]"):
        stacks.client.create_stack(
            StackName="S", TemplateBody=json.dumps({"Resources": {"R": role}})
        )


def test_a_protected_stack_is_not_deleted(stacks: Stacks) -> None:
    body = json.dumps({"Resources": {"A": _queue()}})
    stacks.client.create_stack(StackName="S", TemplateBody=body, EnableTerminationProtection=True)

    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.delete()
    stacks.client.update_termination_protection(StackName="S", EnableTerminationProtection=False)
    assert stacks.delete() == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    "url",
    [
        "https://assets.s3.us-east-1.amazonaws.com/a/t.json",
        "https://s3.us-east-1.amazonaws.com/assets/a/t.json",
        "http://assets.localhost:5555/a/t.json",
        "http://localhost:5555/assets/a/t.json",
        "http://127.0.0.1:5555/assets/a/t.json?versionId=1",
    ],
)
def test_a_template_s_url_names_its_bucket_and_key(url: str) -> None:
    assert bucket_and_key(url) == ("assets", "a/t.json")


class TestChangeSets:
    """Plans, as the CDK's CLI makes them."""

    @staticmethod
    def _plan(
        stacks: Stacks,
        body: dict[str, Any],
        kind: Literal["CREATE", "UPDATE"] = "UPDATE",
        parameters: Sequence[ParameterTypeDef] = (),
    ) -> DescribeChangeSetOutputTypeDef:
        client = stacks.client
        client.create_change_set(
            StackName="S",
            ChangeSetName="plan",
            ChangeSetType=kind,
            TemplateBody=json.dumps(body),
            Parameters=parameters,
        )
        return client.describe_change_set(StackName="S", ChangeSetName="plan")

    def test_a_new_stack_waits_in_review(self, stacks: Stacks) -> None:
        plan = self._plan(stacks, {"Resources": {"A": _queue()}}, "CREATE")

        change = plan["Changes"][0]["ResourceChange"]
        assert stacks.status() == "REVIEW_IN_PROGRESS"
        assert (change["Action"], change["LogicalResourceId"]) == ("Add", "A")

    def test_execution_makes_the_stack_and_its_outputs(self, stacks: Stacks) -> None:
        body = {
            "Resources": {"A": _queue(QueueName="q")},
            "Outputs": {"O": {"Value": {"Ref": "A"}}},
        }
        self._plan(stacks, body, "CREATE")

        stacks.client.execute_change_set(StackName="S", ChangeSetName="plan")

        assert stacks.status() == "CREATE_COMPLETE"
        assert stacks.outputs()["O"].endswith("/q")

    @pytest.mark.parametrize(
        ("properties", "replacement"),
        [({"VisibilityTimeout": 60}, "False"), ({"QueueName": "other"}, "True")],
        ids=["in place", "replaced"],
    )
    def test_a_modification_says_whether_it_replaces(
        self, stacks: Stacks, properties: dict[str, Any], replacement: str
    ) -> None:
        stacks.create({"A": _queue(QueueName="q")})

        plan = self._plan(stacks, {"Resources": {"A": _queue(**{"QueueName": "q", **properties})}})

        change = plan["Changes"][0]["ResourceChange"]
        assert (change["Action"], change["Replacement"]) == ("Modify", replacement)

    def test_a_plan_without_changes_fails_and_says_so(self, stacks: Stacks) -> None:
        stacks.create({"A": _queue()})

        plan = self._plan(stacks, {"Resources": {"A": _queue()}})

        assert (plan["Status"], plan["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert "didn't contain changes" in plan["StatusReason"]

    def test_a_missing_change_set_is_told_by_its_own_code(self, stacks: Stacks) -> None:
        stacks.create({"A": _queue()})

        with pytest.raises(stacks.client.exceptions.ChangeSetNotFoundException):
            stacks.client.describe_change_set(StackName="S", ChangeSetName="none")
        stacks.client.delete_change_set(StackName="S", ChangeSetName="none")

    def test_an_execution_forgets_the_other_plans(self, stacks: Stacks) -> None:
        stacks.create({"A": _queue()})
        self._plan(stacks, {"Resources": {"A": _queue(VisibilityTimeout=60)}})

        stacks.client.execute_change_set(StackName="S", ChangeSetName="plan")

        assert stacks.client.list_change_sets(StackName="S")["Summaries"] == []

    def test_previous_values_and_parameter_store_values_are_kept(
        self, stacks: Stacks, account: Account
    ) -> None:
        account.client("ssm").put_parameter(Name="/version", Type="String", Value="21")
        body = {
            "Parameters": {
                "BootstrapVersion": {
                    "Type": "AWS::SSM::Parameter::Value<String>",
                    "Default": "/version",
                },
                "Timeout": {"Type": "Number"},
            },
            "Resources": {"A": _queue(VisibilityTimeout={"Ref": "Timeout"})},
            "Outputs": {"Version": {"Value": {"Ref": "BootstrapVersion"}}},
        }
        given: list[ParameterTypeDef] = [{"ParameterKey": "Timeout", "ParameterValue": "60"}]
        stacks.client.create_stack(StackName="S", TemplateBody=json.dumps(body), Parameters=given)
        body["Resources"]["B"] = _queue()

        self._plan(
            stacks,
            body,
            parameters=[
                {"ParameterKey": "Timeout", "UsePreviousValue": True},
                {"ParameterKey": "BootstrapVersion", "UsePreviousValue": True},
            ],
        )
        stacks.client.execute_change_set(StackName="S", ChangeSetName="plan")

        described = stacks.client.describe_stacks(StackName="S")["Stacks"][0]["Parameters"]
        values = {one["ParameterKey"]: one["ParameterValue"] for one in described}
        assert values == {"BootstrapVersion": "/version", "Timeout": "60"}
        assert stacks.outputs() == {"Version": "21"}
