"""multus_eni away from its repository: installed it has all that it ships, and says so where it has not."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import authoring
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap

pytestmark = pytest.mark.subprocesses("python", "node")

REPOSITORY = Path(__file__).parents[2]
CONFIGURATION = REPOSITORY / "examples" / "cdk_app" / "multus.yaml"
STAGE = """
import sys
from pathlib import Path
from multus_eni import sources
import authoring
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap

authored, build = authoring.load(Path(sys.argv[1])), Path(sys.argv[2])
print(sources.ROOT)
print(stage(authoring.resolve(authored), repository=sources.ROOT, build=build).digest)
print(stage_bootstrap(authoring.resolve_nodes(authored), repository=sources.ROOT, build=build).digest)
"""


def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with what the project's metadata has setuptools install, and nothing else."""
    setuptools = project()["tool"]["setuptools"]
    patterns = setuptools["packages"]["find"]["include"]
    folder = tmp_path / "site-packages"
    for init in REPOSITORY.glob("[a-z]*/**/__init__.py"):
        package = init.parent.relative_to(REPOSITORY)
        name = ".".join(package.parts)
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            continue
        (folder / package).mkdir(parents=True, exist_ok=True)
        data = [
            found
            for key in ("*", name)
            for pattern in setuptools["package-data"].get(key, [])
            for found in init.parent.glob(pattern)
        ]
        for file in [*init.parent.glob("*.py"), *data]:
            target = folder / file.relative_to(REPOSITORY)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
    return folder


def test_an_application_is_type_checked_against_what_is_installed(site: Path) -> None:
    """PEP 561: without the marker a type checker takes all of a package for Any."""
    packages = [package for package in site.iterdir() if package.is_dir()]
    assert len(packages) == 8
    assert [package.name for package in packages if not (package / "py.typed").exists()] == []


def run(program: str, *arguments: str, cwd: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with what is in `path`, in an application's folder, which comes first as for a script of it."""
    return subprocess.run(  # noqa: S603 - programs of this test
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The folder of another team's application."""
    folder = tmp_path / "application"
    folder.mkdir()
    return folder


def test_installed_it_stages_the_very_same_code(
    site: Path, application: Path, tmp_path: Path
) -> None:
    authored = authoring.load(CONFIGURATION)
    here = tmp_path / "here"
    functions = stage(authoring.resolve(authored), repository=REPOSITORY, build=here)
    bootstrap = stage_bootstrap(
        authoring.resolve_nodes(authored), repository=REPOSITORY, build=here
    )
    done = run(STAGE, str(CONFIGURATION), str(tmp_path / "there"), cwd=application, path=site)
    assert done.stdout.split() == [str(site), functions.digest, bootstrap.digest], done.stderr


@pytest.mark.parametrize("file", ["stacks/__init__.py", "domain.py"])
def test_an_application_s_own_package_of_a_needed_name_is_named(
    site: Path, application: Path, file: str
) -> None:
    (application / file).parent.mkdir(exist_ok=True)
    (application / file).touch()
    done = run("import multus_eni", cwd=application, path=site)
    last = done.stderr.splitlines()[-1]
    name = re.split(r"[/.]", file)[0]
    assert last.startswith(f"ImportError: multus_eni needs its own package {name}, and Python")
    assert str(application / name) in last


@pytest.mark.parametrize("folder", ["lambdas", "node_bootstrap/units"])
def test_half_of_the_sources_is_not_enough(site: Path, application: Path, folder: str) -> None:
    shutil.rmtree(site / folder)
    done = run("import multus_eni", cwd=application, path=site)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: multus_eni is in {site} without {folder}")
    assert "Install multus-eni with pip" in last


def test_an_installation_takes_in_every_pin_that_is_tested() -> None:
    """The metadata's ranges begin where the pins are, or below them in the same major version."""
    pins = dict(
        re.findall(r"(?m)^([\w.-]+)==([\d.]+)$", (REPOSITORY / "requirements.in").read_text())
    )
    ranges = [
        re.fullmatch(r"([\w.-]+)>=([\d.]+)(?:,<(\d+))?", r)
        for r in project()["project"]["dependencies"]
    ]
    for wanted in ranges:
        assert wanted is not None
        name, lowest, below = wanted.groups()
        pin = tuple(map(int, pins[name].split(".")))
        assert tuple(map(int, lowest.split("."))) <= pin
        assert below is None or pin[0] == int(below) - 1
