"""Studies: trials of one policy on one part, kept where they survive a kill."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import optuna
from optuna.exceptions import OptunaError
from optuna.pruners import PercentilePruner
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from policies.registry import PolicySpec
from scheduler import CallerError
from simulations.tournament import Entry
from simulations.tuning.goal import Rung, rungs_of
from simulations.tuning.playing import Score, climb
from simulations.tuning.sampler import AddressedSampler, distributions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from simulations.tuning.parts import Part
    from simulations.tuning.playing import Play
    from simulations.tuning.space import Space

FORMAT = 1
"""Of studies: part of their names, since trials of another make are not comparable."""
KEPT_PER_CENT = 50.0
"""Trials below the best so many of the finished ones at a rung are stopped there."""
TRIALS_BEFORE_STOPS = 5
MOST_IMPOSSIBLE = 300
"""Impossible settings in a row after which there is no hope of a possible one."""


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """What a study found.

    Attributes:
        study: Its name in the storage.
        trials: Trials that were played, the stopped ones included.
        stopped: Trials that were stopped early.
        spec: The best policy.
        score: What it came to on the questions it was tuned on.
        target: The accuracy that was to be reached there; None without one.
    """

    study: str
    trials: int
    stopped: int
    spec: PolicySpec
    score: Score
    target: float | None


@dataclass(frozen=True, slots=True)
class Storage:
    """Where studies are kept.

    Attributes:
        rows: Optuna's own.
        alone: Whether nobody else uses it, so that what still runs there was killed.
    """

    rows: RDBStorage
    alone: bool


@contextmanager
def opened(where: str | Path) -> Iterator[Storage]:
    """Open the storage of studies.

    Args:
        where: A file for SQLite, which is ours alone meanwhile; or a URL as Optuna takes it.

    Yields:
        The storage.

    Raises:
        CallerError: if it cannot be opened, or fails while we work.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if isinstance(where, Path):
        with where.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CallerError(
                    f"argument --storage: {where} is in use by another run (several machines "
                    "need the URL of a database server)"
                ) from None
            with _connected(
                f"sqlite:///{where.absolute()}", {"creator": partial(_file, where)}
            ) as rows:
                yield Storage(rows, alone=True)
    else:
        with _connected(where, {}) as rows:
            yield Storage(rows, alone=False)


def _file(path: Path) -> sqlite3.Connection:
    """Connect to SQLite so that a kill loses nothing, and no step waits for the disk."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def _connected(url: str, engine_kwargs: dict[str, Any]) -> Iterator[RDBStorage]:
    try:
        rows = RDBStorage(url, engine_kwargs=engine_kwargs)
    except (SQLAlchemyError, OptunaError, ImportError, ValueError, RuntimeError) as error:
        raise _trouble(error) from error
    try:
        yield rows
    except (SQLAlchemyError, OptunaError) as error:
        raise _trouble(error) from error
    finally:
        rows.remove_session()
        rows.engine.dispose()


def _trouble(error: Exception) -> CallerError:
    # The rest of SQLAlchemy's message is the statement, which may be long.
    first = str(error).partition("\n")[0]
    return CallerError(f"argument --storage: cannot be used: {first}")


def study_name(label: str, space: Space, part: Part, match: Entry | None) -> str:
    """Return a name that no other study has, and that this one has again at the next start."""
    content = [FORMAT, space, [packed.name for packed in part.packed], part.settings, match]
    digest = sha256(msgspec.json.encode(content)).hexdigest()
    return f"{space.policy}, {label}, {digest[:24]}"


class Tuner:
    """Runs studies of one space.

    Args:
        space: What is searched.
        match: The policy whose accuracy is to be reached; None to look for the most accuracy.
        storage: Where studies are kept.
        trials: Trials to be played in each study.
        play: Plays them.
    """

    def __init__(
        self,
        space: Space,
        match: Entry | None,
        storage: Storage,
        *,
        trials: int,
        play: Play,
    ) -> None:
        self._space = space
        self._distributions = distributions_of(space.knobs)
        self._match = match
        self._storage = storage
        self._trials = trials
        self._play = play

    def tune(self, label: str, part: Part, advance: Callable[[int], None]) -> Best:
        """Play what is missing of a study and return the best of all its trials.

        Args:
            label: A word for people who look into the storage.
            part: The questions to tune on.
            advance: Told how many trials have been played, those found played included.

        Raises:
            CallerError: if hardly any values of the knobs make a policy.
        """
        name = study_name(label, self._space, part, self._match)
        study = optuna.create_study(
            storage=self._storage.rows,
            study_name=name,
            direction="maximize" if self._match is None else "minimize",
            sampler=AddressedSampler(name, self._space.defaults()),
            pruner=PercentilePruner(KEPT_PER_CENT, n_startup_trials=TRIALS_BEFORE_STOPS),
            load_if_exists=True,
        )
        if self._storage.alone:
            for killed in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(killed.number, state=TrialState.FAIL)
        rungs = rungs_of(part, self._match, self._play)
        impossible = 0
        while (played := len(_played(study))) < self._trials:
            advance(played)
            trial = study.ask(self._distributions)
            spec = self._space.spec(trial.params)
            try:
                spec.build()
            except CallerError as error:
                study.tell(trial, state=TrialState.PRUNED)
                impossible += 1
                if impossible == MOST_IMPOSSIBLE:
                    raise CallerError(
                        f"{impossible} settings in a row were impossible, the last because: {error}"
                    ) from error
                continue
            impossible = 0
            self._play_trial(study, trial, spec, part, rungs)
        advance(self._trials)
        return self._best(study, rungs)

    def _play_trial(
        self, study: Study, trial: Trial, spec: PolicySpec, part: Part, rungs: Sequence[Rung]
    ) -> None:
        stages = [rung.streams for rung in rungs]
        for rung, score in zip(
            rungs, climb(self._play, part, Entry("trial", spec), stages), strict=True
        ):
            trial.report(rung.value(score), rung.streams.stop)
            if rung is not rungs[-1] and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return
        trial.set_user_attr("accuracy", score.accuracy)
        trial.set_user_attr("tokens_per_question", score.tokens_per_question)
        study.tell(trial, rungs[-1].value(score))

    def _best(self, study: Study, rungs: Sequence[Rung]) -> Best:
        played = _played(study)
        complete = [trial for trial in played if trial.state is TrialState.COMPLETE]
        sign = -1.0 if self._match is None else 1.0
        # Of equal ones the first, in any storage.
        best = min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
        return Best(
            study=study.study_name,
            trials=len(played),
            stopped=len(played) - len(complete),
            spec=self._space.spec(best.params),
            score=msgspec.convert(best.user_attrs, Score),
            target=rungs[-1].target,
        )


def _played(study: Study) -> list[FrozenTrial]:
    """Return trials that were played; impossible ones report nothing."""
    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False, states=finished)
    return [trial for trial in trials if trial.intermediate_values]
