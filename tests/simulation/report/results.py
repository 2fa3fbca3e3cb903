"""What the report is made of, kept as JSON so that it can be rendered again without being measured again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from bench.nodes import Addressing, Shape
from tests.simulation.bound import Bound
from tests.simulation.burst import Burst
from tests.simulation.recovery import Recovered
from tests.simulation.scale_in import ScaleIn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Unreadable(Exception):
    """A file of results is cut off, or another version wrote it."""


class Part(StrEnum):
    """The generated parts of the document, by the name in their markers."""

    BURSTS = "bursts"
    SCALE_IN = "scale-in"
    FAULTS = "faults"
    MISHAPS = "mishaps"
    RECOVERY = "recovery"
    WALKS = "walks"
    BENCH = "bench"


@dataclass(frozen=True)
class Faulted:
    """Schedules of failures that were played."""

    act: str
    failures: str
    """What they are: `single`, `pairs`."""
    schedules: int
    broken: tuple[str, ...]
    """Those after which something did not hold, as `replay` reads them."""


@dataclass(frozen=True)
class MishapOutcome:
    """What came of one mishap, or of one kind at each step of a single node."""

    name: str
    seconds: float | None
    """Until the nodes were all there, or all gone; None where it happened at many steps."""
    abandoned: int | None
    """Launches given up, rightly or not; None likewise."""
    violations: tuple[str, ...]


@dataclass(frozen=True)
class WalkOutcome:
    """What came of one walk, in figures."""

    seed: int
    hours: float
    """Of virtual time, settling included."""
    steps: int
    launched: int
    gone: int
    calls: int
    fired: int
    """Calls that were made to fail."""
    settled_s: float
    """How long the world took to be right again once nothing was made to fail."""
    excused: int
    """Hooks abandoned or left to their time-out for which the product cannot be blamed."""
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Benched:
    """The figures of one benchmark."""

    title: str
    where: str
    """On which machine, and when."""
    figures: tuple[Figure, ...]
    left_out: str = ""
    """Why there are none."""


def write(folder: Path, part: Part, results: Sequence[Any]) -> None:
    """Keep the results of one part."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(result) for result in results])
    _file(folder, part).write_text(text, encoding="utf-8")


def read(folder: Path, part: Part) -> list[Any] | None:
    """Return the results of one part as they were written, or None where there are none.

    Raises:
        Unreadable: there are some, but not such as this version writes; the message names the file and the remedy.
    """
    path = _file(folder, part)
    if not path.exists():
        return None
    try:
        return [_READ[part](raw) for raw in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable(
            f"{path} is cut off or of another version ({type(error).__name__}: {error}); "
            f'write it anew: make report ARGS="--only {part}"'
        ) from error


def _file(folder: Path, part: Part) -> Path:
    return folder / f"{part}.json"


def _shape(raw: Mapping[str, Any]) -> Shape:
    return Shape(**{**raw, "addressing": Addressing(raw["addressing"])})


def _moments(raw: Sequence[Sequence[Any]]) -> tuple[tuple[float, str], ...]:
    return tuple((at_s, action) for at_s, action in raw)


def _burst(raw: Mapping[str, Any]) -> Burst:
    known = raw["bound"]
    least = Bound(known["action"], known["seconds"], tuple(known["curve_s"]))
    return Burst(
        **{
            **raw,
            "shape": _shape(raw["shape"]),
            "bound": least,
            "opened_s": tuple(raw["opened_s"]),
            "continued_s": tuple(raw["continued_s"]),
            "throttled_s": _moments(raw["throttled_s"]),
            "broken": tuple(raw["broken"]),
        }
    )


def _scale_in(raw: Mapping[str, Any]) -> ScaleIn:
    return ScaleIn(
        **{
            **raw,
            "shape": _shape(raw["shape"]),
            "continued_s": tuple(raw["continued_s"]),
            "throttled_s": _moments(raw["throttled_s"]),
            "broken": tuple(raw["broken"]),
        }
    )


def _faulted(raw: Mapping[str, Any]) -> Faulted:
    return Faulted(**{**raw, "broken": tuple(raw["broken"])})


def _recovered(raw: Mapping[str, Any]) -> Recovered:
    return Recovered(**{**raw, "violations": tuple(raw["violations"])})


def _mishap(raw: Mapping[str, Any]) -> MishapOutcome:
    return MishapOutcome(**{**raw, "violations": tuple(raw["violations"])})


def _walk(raw: Mapping[str, Any]) -> WalkOutcome:
    return WalkOutcome(**{**raw, "violations": tuple(raw["violations"])})


def _benched(raw: Mapping[str, Any]) -> Benched:
    return Benched(**{**raw, "figures": tuple(Figure(**figure) for figure in raw["figures"])})


_READ: Mapping[Part, Callable[[Mapping[str, Any]], Any]] = {
    Part.BURSTS: _burst,
    Part.SCALE_IN: _scale_in,
    Part.FAULTS: _faulted,
    Part.MISHAPS: _mishap,
    Part.RECOVERY: _recovered,
    Part.WALKS: _walk,
    Part.BENCH: _benched,
}
