"""What ships with the package: latency profiles and logged generations to begin with."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from scheduler.errors import CallerError
from scheduler.latency import LatencyProfile, decode_profile

DEFAULT_PROFILE = "measured-h100-qwen2.5-coder-1.5b"
"""The profile that speaks of the bundled trace's own engine."""

_HERE = Path(__file__).parent
_PROFILES = _HERE / "profiles"
_TRACES = _HERE / "traces"
_DEFAULT_TRACES = "qwen2.5-coder-1.5b"


def profile_names() -> tuple[str, ...]:
    """Give the names of the bundled profiles, sorted."""
    return tuple(sorted(path.stem for path in _PROFILES.glob("*.json")))


def read_profile(name_or_path: str) -> LatencyProfile:
    """Read a bundled profile by name, or any profile from a JSON file.

    What ends in `.json` or holds a slash is a path; everything else is a name.

    Raises:
        ValueError: one line that lists the bundled names, or names the file and the field.
    """
    given = Path(name_or_path)
    if given.suffix == ".json" or given.name != name_or_path:
        return _read(given)
    names = profile_names()
    if name_or_path in names:
        return _read(_PROFILES / f"{name_or_path}.json")
    near = get_close_matches(name_or_path, names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(
        f"no profile is named {name_or_path!r}.{hint} Bundled are {', '.join(names)}; "
        "or give a file that ends in .json"
    )


def default_traces() -> Path:
    """Give the folder of the bundled trace that is played if none is named."""
    return _TRACES / _DEFAULT_TRACES


def bundled_traces() -> dict[str, Path]:
    """Give the folders of all bundled traces by name, the default one first."""
    others = {path.parent.name: path.parent for path in sorted(_TRACES.glob("*/header.json"))}
    return {_DEFAULT_TRACES: default_traces(), **others}


def _read(path: Path) -> LatencyProfile:
    try:
        return decode_profile(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except CallerError as error:
        raise ValueError(f"{path}: {error}") from error


__all__ = [
    "DEFAULT_PROFILE",
    "bundled_traces",
    "default_traces",
    "profile_names",
    "read_profile",
]
