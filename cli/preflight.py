"""`preflight`: is the account as the configuration presupposes? Nothing is changed in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

import authoring
from account.reader import read
from account.session import AccountUnreachable, Session
from authoring.cluster import written
from authoring.planned import planned
from cli.exits import EXIT_BAD_CONFIG
from cli.loading import adopt_or_exit, load_or_exit
from domain.config import Ipv4Mode
from domain.preflight.adoption import lacking
from domain.preflight.examination import CODES, examine
from domain.preflight.findings import Severity, worst
from domain.preflight.looks import Whole
from domain.preflight.observed import CannotTell
from domain.preflight.supply import demands, supply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from domain.config import Config, InterfaceSpec
    from domain.node.config import NodeConfig
    from domain.preflight.findings import Finding
    from domain.preflight.looks import Group
    from domain.preflight.observed import Account, Subnet
    from domain.preflight.supply import Demand

EXIT_ERRORS = 1
EXIT_CANNOT_TELL = EXIT_BAD_CONFIG
"""A file or credentials that cannot be used: nothing was looked at."""

_LONGEST_CODE = max(map(len, CODES))
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.FINE: "green"}


def preflight(
    path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration file.")],
    *,
    region: Annotated[
        str | None, typer.Option(help="The Region to look into, when the file names none.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="The profile of the AWS configuration to use.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with status 1 after warnings too.")
    ] = False,
) -> None:
    """Look, read-only, whether the account is as a configuration needs it; status 1 after errors, 2 if it cannot be told."""
    authored = load_or_exit(path)
    try:
        session = Session(region=_one_region(authored.region, region), profile=profile)
        account_id = session.account_id()
        _check_account(authored.account, account_id)
        authored = adopt_or_exit(path, authored, session)
        config, nodes = authoring.resolve(authored), authoring.resolve_nodes(authored)
        account = read(session, config, nodes, planned(authored))
    except AccountUnreachable as unreachable:
        typer.echo(f"preflight: {unreachable}", err=True)
        raise typer.Exit(EXIT_CANNOT_TELL) from unreachable
    findings = examine(config, nodes, account, written(authored))
    console = Console(markup=False, emoji=False, highlight=False)
    console.print(f"{config.owner} in account {account_id}, {session.region}")
    for part in described(config, nodes, account, findings):
        console.print(part)
    if worst(findings) is Severity.ERROR or (strict and worst(findings) is Severity.WARNING):
        raise typer.Exit(EXIT_ERRORS)


def _one_region(written: str | None, given: str | None) -> str | None:
    if written and given and written != given:
        raise AccountUnreachable(
            f"The file says region: {written}, and --region says {given}", "Leave --region out."
        )
    return written or given


def _check_account(written: str | None, found: str) -> None:
    if written and written != found:
        raise AccountUnreachable(
            f"The file is for account {written}, and the credentials are of {found}",
            "Choose another profile with --profile.",
        )


def described(
    config: Config, nodes: NodeConfig, account: Account, findings: Sequence[Finding]
) -> Iterator[RenderableType]:
    """Yield what was found, ready to be printed: the cluster, each node group with its subnets, and the worst of it."""
    yield _findings(f"Cluster {config.cluster_name}", findings, "")
    for group in Whole(config, nodes, account).groups():
        name = group.config.auto_scaling_group
        yield _findings(
            f"Node group {group.config.name} (Auto Scaling group {name})", findings, name
        )
        yield from _subnets(group)
        yield from _adoptions(group)
    yield _verdict(findings)


def _findings(title: str, findings: Sequence[Finding], group: str) -> Table:
    table = _table(title)
    table.add_column("", width=7)
    table.add_column("rule", min_width=_LONGEST_CODE, max_width=_LONGEST_CODE, overflow="fold")
    table.add_column("finding", overflow="fold", ratio=1)
    for each in findings:
        if each.auto_scaling_group == group:
            severity = Text(each.severity.value, _STYLES[each.severity])
            table.add_row(severity, each.code, _told(each))
    return table


def _told(finding: Finding) -> str:
    if finding.severity is Severity.FINE:
        return finding.message
    return f"{finding.subject}: {finding.message}\n→ {finding.remedy}"


def _subnets(group: Group) -> Iterator[Table]:
    """Show zone by zone which subnets each interface may be in, and whether they are large enough."""
    try:
        zones, asked = group.zones(), demands(group.whole)
        rows = [
            (spec, zone, group.in_zone(spec, zone))
            for spec in group.config.interfaces
            for zone in zones
        ]
    except CannotTell:
        return
    table = _table(f"Subnets of {group.config.name} in the zones of its nodes")
    for heading, width in {"interface": 15, "zone": 18, "subnet": 24}.items():
        table.add_column(heading, max_width=width, overflow="fold")
    for heading in ("free", "needed"):
        table.add_column(heading, justify="right")
    for spec, zone, subnets in rows:
        if not subnets:
            table.add_row(spec.name, zone, Text("none", _STYLES[Severity.ERROR]), "", "")
        for subnet in subnets:
            free, needed = _figures(group, spec, subnet, asked.get(subnet.subnet_id))
            table.add_row(spec.name, zone, subnet.subnet_id, free, needed)
    yield table


def _adoptions(group: Group) -> Iterator[Table]:
    """Show which nodes in service will be given what."""
    try:
        missing = lacking(group)
    except CannotTell:
        return
    if not (group.config.adopt_running and missing):
        return
    table = _table(f"Adoption in {group.config.name}")
    for heading in ("node", "interfaces"):
        table.add_column(heading, overflow="fold")
    for node, names in missing.items():
        table.add_row(node, ", ".join(names))
    yield table


def _figures(
    group: Group, spec: InterfaceSpec, subnet: Subnet, demand: Demand | None
) -> tuple[str, str]:
    if spec.ipv4 is Ipv4Mode.NONE or subnet.ipv4_cidr is None or demand is None:
        return "IPv6", ""
    free = str(supply(group, subnet).least)
    if demand.spread == demand.crowded:
        return free, str(demand.spread)
    return free, f"{demand.spread} to {demand.crowded}"


def _verdict(findings: Sequence[Finding]) -> Text:
    counts = Counter(each.severity for each in findings)
    parts = [
        _counted(counts[Severity.ERROR], "error"),
        _counted(counts[Severity.WARNING], "warning"),
        f"{counts[Severity.FINE]} fine",
    ]
    found = worst(findings)
    return Text(f"\n{found.value}: {', '.join(parts)}", _STYLES[found])


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _table(title: str) -> Table:
    return Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
