"""`migrate`: from deployed stacks of the published Multus sample to a configuration file."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

import authoring
from account import cloudformation
from account.session import AccountUnreachable, RegionUnknown, Session
from authoring.instance_types import known_types
from authoring.migration import source
from authoring.migration.draft import Wishes, draft, subnets_to_know
from authoring.migration.source import Subnet
from authoring.migration.writing import text_of
from cli.exits import EXIT_BAD_CONFIG
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authoring.migration.source import Source

_ZONE = re.compile(r"(subnet-[0-9a-f]+)=([a-z]{2}(-[a-z0-9]+)+)")


def migrate(  # noqa: PLR0917 - typer makes an option of each
    stack: Annotated[
        list[str] | None,
        typer.Option(
            help="A deployed stack of the sample, by name; may be repeated. Read, never changed."
        ),
    ] = None,
    parameters: Annotated[
        Path | None,
        typer.Option(
            help="Its parameters as a JSON file instead; no account is asked. Either CloudFormation's parameter file, or "
            "what describe-stacks printed."
        ),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUBNET=ZONE", help="With --parameters: the zone of each Multus subnet."
        ),
    ] = None,
    auto_scaling_group: Annotated[
        list[str] | None,
        typer.Option(
            help="The nodes' Auto Scaling group, where the stack does not have it; may be repeated."
        ),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="The EKS cluster, where the parameters do not say.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the configuration is called, if not as the cluster.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Where the stacks are, if not in the credentials' Region.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file to write. Left out: standard output.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write the configuration that does what the published sample does; docs/migration.md has the order of the steps."""
    wishes = Wishes(name, cluster, tuple(auto_scaling_group or ()))
    try:
        _check(stack or [], parameters, zone or [], output, force=force)
        text = _text(stack or [], parameters, zone or [], region, wishes)
        if output is not None:
            _write(output, text)
    except ConfigInvalid as invalid:
        typer.echo(authoring.report("migrate", invalid), err=True)
        raise typer.Exit(EXIT_BAD_CONFIG) from None
    if output is None:
        typer.echo(text, nl=False)
        return
    typer.echo(
        f"{output} is written. Read the numbered notes at its top, then docs/migration.md; do not deploy before.",
        err=True,
    )


def _write(output: Path, text: str) -> None:
    """Write the file.

    Raises:
        ConfigInvalid: the system does not let it be written.
    """
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as refused:
        raise ConfigInvalid(
            [
                Problem(
                    "--output",
                    str(output),
                    f"cannot be written: {refused.strerror or refused}",
                    "Name a file that can be.",
                )
            ]
        ) from refused


def _check(
    stacks: Sequence[str],
    parameters: Path | None,
    zones: Sequence[str],
    output: Path | None,
    *,
    force: bool,
) -> None:
    """Look at the options together.

    Raises:
        ConfigInvalid: with every one that will not do.
    """
    problems = []
    if bool(stacks) == (parameters is not None):
        given = "neither" if not stacks else "both"
        problems.append(
            Problem(
                "--stack, --parameters", given, "is not one of the two", "Give one or the other."
            )
        )
    if stacks and zones:
        problems.append(
            Problem(
                "--zone",
                ", ".join(zones),
                "is for --parameters; of a stack's subnets EC2 is asked",
                "Leave it out.",
            )
        )
    problems += [
        Problem(
            "--zone",
            each,
            "is not SUBNET=ZONE",
            "Write it like subnet-0123456789abcdef0=us-east-1a.",
        )
        for each in zones
        if not _ZONE.fullmatch(each)
    ]
    if output is not None and output.exists() and not force:
        problems.append(
            Problem(
                "--output",
                str(output),
                "is there already",
                "Name another file, or add --force to write over it.",
            )
        )
    if output is not None and not output.parent.is_dir():
        problems.append(
            Problem("--output", str(output), "is in no folder that exists", "Make the folder.")
        )
    if problems:
        raise ConfigInvalid(problems)


def _text(
    stacks: Sequence[str],
    parameters: Path | None,
    zones: Sequence[str],
    region: str | None,
    wishes: Wishes,
) -> str:
    """Return the configuration file.

    Raises:
        ConfigInvalid: with all that stands in the way of it.
    """
    if parameters is not None:
        pairs = [each.split("=") for each in zones]
        given = {subnet: Subnet(zone) for subnet, zone in pairs}
        return _configuration([_file(parameters)], lambda _: given, wishes)
    session = _session(region)
    text = ""
    sources: list[Source] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(stacks):
        try:
            sources.append(cloudformation.read_stack(name, session))
        except ConfigInvalid as invalid:
            problems += invalid.problems
    try:
        if sources:
            text = _configuration(
                sources, lambda wanted: cloudformation.read_subnets(wanted, session), wishes
            )
    except ConfigInvalid as invalid:
        problems += invalid.problems
    if problems:
        raise ConfigInvalid(problems)
    return text


def _session(region: str | None) -> Session:
    """Return the session that every stack is read with, once AWS has accepted its credentials.

    Raises:
        ConfigInvalid: there is none to be had, whatever the stacks are.
    """
    try:
        session = Session(region=region, profile=None)
        session.account_id()
    except RegionUnknown:
        problem = Problem(
            "--region",
            None,
            "is not given, and neither the environment nor the AWS configuration says one",
            "Give --region, or set AWS_REGION.",
        )
    except AccountUnreachable as unreachable:
        problem = Problem(
            "(the account)", None, f"cannot be asked: {unreachable.message}", unreachable.remedy
        )
    else:
        return session
    raise ConfigInvalid([problem])


def _configuration(
    sources: Sequence[Source],
    subnets: Callable[[Sequence[str]], Mapping[str, Subnet]],
    wishes: Wishes,
) -> str:
    """Return the file for what was read.

    Args:
        sources: the stacks, or the file of parameters.
        subnets: tells what is known of subnets.
        wishes: what the options say.

    Raises:
        ConfigInvalid: with all that stands in the way of it.
    """
    found = subnets(subnets_to_know(sources))
    text = text_of(draft(sources, found, wishes, known_types()), _heading(sources))
    _check_written(text)
    return text


def _file(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigInvalid(
            [Problem("--parameters", str(path), f"cannot be read: {reason}", "Name a JSON file.")]
        ) from error
    return source.of_file(text, path.name)


def _heading(sources: Sequence[Source]) -> str:
    return (
        f"Written by `python -m cli migrate` from {', '.join(one.label for one in sources)}, a deployment of the "
        "published Multus sample. What to know before anything is deployed:"
    )


def _check_written(text: str) -> None:
    """Look at the result as `validate` would.

    Raises:
        ConfigInvalid: what the sample was given is refused here.
    """
    try:
        authoring.parse(text)
    except ConfigInvalid as invalid:
        # On which line it would have been helps nobody.
        raise ConfigInvalid(
            [Problem(one.path, one.value, one.message, one.remedy) for one in invalid.problems]
        ) from invalid
