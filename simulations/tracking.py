"""Keeping what a command found, where experiments are kept: a plain folder, or Weights & Biases.

`--track` names the place. What is kept is the command, the digests of what it read, each policy's
figures with their intervals, the JSON results and the HTML page. A live run needs none of this:
its journal is kept as it is, becomes a trace, and the trace's replay is tracked.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import polars as pl

from scheduler import CallerError
from simulations.results import Interval
from terminal.files import write_whole

if TYPE_CHECKING:
    from simulations.results import Results

TRACK_HELP = "keep results in a folder, or in Weights & Biases as wandb:PROJECT"
_WANDB = "wandb:"


class Figure(msgspec.Struct, frozen=True):
    """One figure of one policy.

    Attributes:
        policy: As it was given, with its terms where it was played under several.
        name: What the figure is, with its unit.
        value: With its 95 % interval.
    """

    policy: str
    name: str
    value: Interval


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a command found.

    Attributes:
        job: The command's name, such as `replay`.
        command: As it was typed.
        digests: SHA-256 (hex) of what it read: traces, then profiles.
        figures: Each policy's.
        files: What it made, content by name.
    """

    job: str
    command: str
    digests: list[str]
    figures: list[Figure]
    files: dict[str, bytes]


class Tracker(Protocol):
    """Where findings are kept."""

    def keep(self, finding: Finding) -> str:
        """Keep a finding; return where it is.

        Raises:
            OSError: if it could not be kept.
        """
        ...


class FolderTracker:
    """A folder that gets a numbered folder for each finding, such as `replay-0001`.

    Each holds `run.json` (job, command, digests), `figures.csv` (run, policy, figure, mean, low,
    high) and the files. `polars.read_csv("runs/*/figures.csv")` is the table of all.

    Args:
        folder: Made if it is not there.

    Raises:
        OSError: if it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def keep(self, finding: Finding) -> str:
        """Write the files, `run.json` last, so that a run that has one is whole."""
        run = self._fresh(finding.job)
        for name, content in finding.files.items():
            write_whole(run / name, content)
        rows = [
            {
                "run": run.name,
                "policy": figure.policy,
                "figure": figure.name,
                **msgspec.structs.asdict(figure.value),
            }
            for figure in finding.figures
        ]
        write_whole(run / "figures.csv", pl.DataFrame(rows).write_csv().encode())
        about = {"job": finding.job, "command": finding.command, "digests": finding.digests}
        write_whole(
            run / "run.json", msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"
        )
        return str(run)

    def _fresh(self, job: str) -> Path:
        """Make the folder of the next number, whoever else makes one at the same time."""
        for number in count(1 + sum(1 for _ in self._folder.glob(f"{job}-*"))):
            run = self._folder / f"{job}-{number:04d}"
            try:
                run.mkdir()
            except FileExistsError:
                continue
            return run
        raise AssertionError  # numbers don't end


class WandbTracker:
    """A run of Weights & Biases, begun at once so that what is amiss is heard before the work.

    `WANDB_MODE=offline` keeps it on this machine until `wandb sync`.

    Args:
        project: Name of the project.

    Raises:
        CallerError: if wandb is not installed.
        OSError: if it cannot begin, as without a login.
    """

    def __init__(self, project: str) -> None:
        if find_spec("wandb") is None:
            raise CallerError(
                "argument --track: Weights & Biases needs wandb, "
                "try pip install 'adaptive-compute-scheduler[wandb]'"
            )
        import wandb  # noqa: PLC0415 - an extra

        settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        try:
            self._run = wandb.init(project=project, settings=settings)
        except wandb.Error as error:
            raise OSError(f"argument --track: wandb: {error}") from error

    def keep(self, finding: Finding) -> str:
        """Log configuration, figures as a table and as a summary, and files as an artefact."""
        import wandb  # noqa: PLC0415 - an extra

        run = self._run
        try:
            about = {"job": finding.job, "command": finding.command, "digests": finding.digests}
            run.config.update(about)  # type: ignore[no-untyped-call]
            table = wandb.Table(columns=["policy", "figure", "mean", "low", "high"])
            for figure in finding.figures:
                value = figure.value
                table.add_data(figure.policy, figure.name, value.mean, value.low, value.high)
                for end, number in msgspec.structs.asdict(value).items():
                    run.summary[f"{figure.policy}/{figure.name}/{end}"] = number
            run.log({"figures": table})
            artefact = wandb.Artifact(finding.job, "results")
            for name, content in finding.files.items():
                with artefact.new_file(name, "wb") as file:
                    file.write(content)
            run.log_artifact(artefact)
            run.finish()
        except wandb.Error as error:
            raise OSError(f"wandb: {error}") from error
        return run.settings.sync_dir if run.offline else str(run.url)


def open_tracker(place: str) -> Tracker:
    """Return the tracker that `--track` names: a folder, or `wandb:PROJECT`.

    Raises:
        CallerError: if the place makes no sense, or an extra is missing.
        OSError: if it cannot be used.
    """
    if place.startswith(_WANDB):
        project = place.removeprefix(_WANDB)
        if not project:
            raise CallerError("argument --track: wandb: wants a project, as in wandb:PROJECT")
        return WandbTracker(project)
    folder = Path(place)
    if folder.exists() and not folder.is_dir():
        raise CallerError(f"argument --track: must be a folder or wandb:PROJECT, got {place!r}")
    return FolderTracker(folder)


class Judged(Protocol):
    """What the figures of a policy are read from; see `simulations.results.PolicyResult`."""

    @property
    def accuracy(self) -> Interval:
        """Share of right answers."""

    @property
    def tokens_per_question(self) -> Interval:
        """Tokens generated."""

    @property
    def seconds_per_question(self) -> Interval:
        """Seconds of the stream's clock."""


def policy_figures(name: str, judged: Judged) -> list[Figure]:
    """Return the figures that are kept of every policy.

    Args:
        name: The policy's, with its terms where it was played under several.
        judged: What it did.
    """
    return [
        Figure(name, "accuracy", judged.accuracy),
        Figure(name, "tokens_per_question", judged.tokens_per_question),
        Figure(name, "seconds_per_question", judged.seconds_per_question),
    ]


def figures_of(results: Results) -> list[Figure]:
    """Return the figures of a replay: each policy's, and its difference from the baseline."""
    figures = []
    for policy in results.policies:
        figures += policy_figures(policy.policy, policy)
    figures += [
        Figure(pair.policy, f"accuracy less {pair.baseline}", pair.accuracy)
        for pair in results.paired
    ]
    return figures


def digests_of(results: Results) -> list[str]:
    """Return the digests of what a replay read: its traces, then its profile."""
    return [*(trace.digest for trace in results.traces), results.settings.profile_digest]
