"""Studies: paired, stopped early, resumed; and the comparison on left-out questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from policies import parse_policy
from simulations.bundled import read_profile
from simulations.pools import pools_of
from simulations.replay import main as replay
from simulations.results import Settings, TraceInfo
from simulations.tournament import Entry, run
from simulations.traces import read_trace
from simulations.tune import main
from simulations.tuning.goal import Rung
from simulations.tuning.playing import Score

if TYPE_CHECKING:
    from collections.abc import Callable

    Tune = Callable[..., tuple[dict[str, Any], str]]

SCRIPT = Path(__file__).parents[2] / "simulations" / "tune.py"


def studies_in(file: Path) -> list[optuna.Study]:
    """Read the studies of a storage."""
    storage = RDBStorage(f"sqlite:///{file}")
    try:
        names = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
        return [optuna.load_study(study_name=name, storage=storage) for name in names]
    finally:
        storage.engine.dispose()


def test_a_study_for_each_fold_and_one_for_all(tune: Tune, tmp_path: Path) -> None:
    """Three folds make four studies, each of as many trials as were asked for."""
    found, said = tune("--policy", "lead", "--trials", "7")
    tuned = [*found["tuning"]["folds"], found["tuning"]["whole"]]
    assert [one["trials"] for one in tuned] == [7] * 4
    assert len({one["study"] for one in tuned}) == 4
    left_out = [name for one in tuned for name in one["left_out"]]
    assert sorted(left_out) == [f"q{i}" for i in range(6)]
    assert found["policy"]["parameters"] == found["tuning"]["whole"]["parameters"]
    assert len(studies_in(tmp_path / "tune.db")) == 4
    assert "On left-out questions only" in said


def test_the_first_trial_is_the_policy_as_it_is(tune: Tune, tmp_path: Path) -> None:
    """What tuning finds is never worse, where it was tuned, than what was there before."""
    found, _ = tune("--policy", "lead:cap=16", "--knob", "lead", "--knob", "width", "--trials", "1")
    assert found["policy"]["parameters"] == {"cap": "16", "width": 16, "lead": 2}
    for study in studies_in(tmp_path / "tune.db"):
        assert study.trials[0].params == {"width": 16, "lead": 2}


def test_a_study_goes_on_as_if_it_had_never_stopped(tune: Tune, tmp_path: Path) -> None:
    """Stopped after eleven trials, killed within the twelfth, it ends as one that ran through."""
    common = ("--policy", "share", "--per-question-s", "4", "--trials")
    whole, _ = tune(*common, "14", "--storage", str(tmp_path / "whole.db"))
    stopped, _ = tune(*common, "11", "--storage", str(tmp_path / "parts.db"))
    assert stopped != whole
    for study in studies_in(tmp_path / "parts.db"):
        study.ask()  # what a kill leaves: a trial that runs for ever
    resumed, _ = tune(*common, "14", "--storage", str(tmp_path / "parts.db"))
    assert resumed == whole
    for study in studies_in(tmp_path / "parts.db"):
        states = [trial.state for trial in study.trials]
        assert states[11] is TrialState.FAIL
        assert TrialState.RUNNING not in states


def test_a_second_start_plays_no_trial(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the storage is not played again."""
    first = tune("--policy", "share", "--trials", "6")

    def refuse(*_: object) -> None:
        pytest.fail("a trial was played again")

    monkeypatch.setattr("simulations.tuning.studies.Tuner._play_trial", refuse)
    assert tune("--policy", "share", "--trials", "6") == first


CHANGES = [
    ("--seed", "1"),
    ("--streams", "9"),
    ("--per-question-s", "3"),
    ("--order", "hard-first"),
    ("--knob", "width"),
    ("--match", "share"),
    ("--folds", "2"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_another_setting_is_another_study(tune: Tune, change: tuple[str, str]) -> None:
    """No study ever holds trials of two settings."""
    first, _ = tune("--policy", "share", "--trials", "1")
    other, _ = tune("--policy", "share", "--trials", "1", *change)
    names = [
        {one["study"] for one in found["tuning"]["folds"]} | {found["tuning"]["whole"]["study"]}
        for found in (first, other)
    ]
    if change[0] == "--folds":  # all questions are the same ones however they are divided
        assert len(names[0] & names[1]) == 1
    else:
        assert not names[0] & names[1]


def test_results_do_not_depend_on_jobs(quick: tuple[str, ...], trace: Path, tmp_path: Path) -> None:
    """One process and two, by module and by script, leave the same bytes."""
    written = []
    for jobs, module in (("1", True), ("2", False)):
        target = tmp_path / f"{jobs}.json"
        command = ["-m", "simulations.tune"] if module else [str(SCRIPT)]
        asked = ["--policy", "lead", "--trials", "8", *quick, "--streams", "13", "--jobs", jobs]
        files = ["--storage", str(tmp_path / f"{jobs}.db"), "--json", str(target)]
        subprocess.run(
            [sys.executable, *command, str(trace), *asked, *files],
            check=True,
            capture_output=True,
            cwd=tmp_path,
        )
        written.append(target.read_bytes())
    assert written[0] == written[1]


def test_the_comparison_is_on_left_out_questions(
    tune: Tune, write: Callable[..., Path], trace: Path, tmp_path: Path
) -> None:
    """Each fold's policy plays the fold it never saw, and nothing else: replays of it agree."""
    other = write(tmp_path, "other", shift=1)
    found, _ = tune("--policy", "lead", "--trials", "8", traces=(trace, other))
    pools = pools_of([read_trace(trace), read_trace(other)])
    baseline, tuned = found["comparison"]["policies"]
    assert (baseline["policy"], tuned["policy"]) == ("lead", "lead (tuned)")
    settings = msgspec.convert(found["comparison"]["settings"], Settings)
    assert (settings.questions, settings.streams) == (2, 24)
    totals = {"lead": [0.0, 0.0], "lead (tuned)": [0.0, 0.0]}
    for fold in found["tuning"]["folds"]:
        left_out = [
            msgspec.structs.replace(
                pool,
                questions=tuple(q for q in pool.questions if q.question_id in fold["left_out"]),
            )
            for pool in pools
        ]
        info = TraceInfo(name="", model="", digest=fold["study"], questions=2, samples=24)
        words = ",".join(f"{k}={v}" for k, v in fold["parameters"].items())
        best = parse_policy(f"lead:{words}".replace("None", "none"))
        entries = [Entry("lead", parse_policy("lead")), Entry("lead (tuned)", best)]
        alone = run(
            left_out,
            [info],
            entries,
            read_profile("assumed-qwen3-8b"),
            msgspec.structs.replace(settings, streams=8),
            jobs=1,
            advance=lambda _: None,
        )
        for policy in alone.policies:
            totals[policy.policy][0] += policy.accuracy.mean / 3
            totals[policy.policy][1] += policy.tokens_per_question.mean / 3
    for policy in (baseline, tuned):
        accuracy, tokens = totals[policy["policy"]]
        assert policy["accuracy"]["mean"] == pytest.approx(accuracy)
        assert policy["tokens_per_question"]["mean"] == pytest.approx(tokens)
        assert sum(policy["reasons"].values()) == 2 * 24 * 2


def test_trials_are_stopped_early_and_only_hopeless_ones(tune: Tune, tmp_path: Path) -> None:
    """Stopped trials lay below the median of the finished ones at their last rung."""
    found, _ = tune("--policy", "share", "--trials", "15", "--per-question-s", "4")
    stopped = [one["stopped"] for one in found["tuning"]["folds"]]
    assert sum(stopped) > 0
    for study in studies_in(tmp_path / "tune.db"):
        done: list[dict[int, float]] = []
        for trial in study.trials:
            if trial.state is TrialState.COMPLETE:
                assert list(trial.intermediate_values) == [2, 4, 6, 8]
                done.append(trial.intermediate_values)
            elif trial.intermediate_values:
                step = trial.last_step
                assert step in (2, 4, 6)
                reached = sorted(values[step] for values in done)
                assert max(trial.intermediate_values.values()) < reached[len(reached) // 2]


def test_a_trial_that_misses_the_match_ranks_behind() -> None:
    """What reaches the accuracy counts its tokens; what misses it loses, however cheap."""
    rung = Rung(range(4), target=0.5)
    reaching, dearer = (rung.value(Score(0.5, tokens)) for tokens in (9e3, 9e6))
    missing, worse = (rung.value(Score(accuracy, 1.0)) for accuracy in (0.4999, 0.2))
    assert reaching == 9e3 < dearer < missing < worse
    assert Rung(range(4), target=None).value(Score(0.25, 9e3)) == 0.25


def test_matching_saves_tokens_where_it_was_tuned(tune: Tune) -> None:
    """Without a clock, the best trial is as accurate as what it matches, for fewer tokens."""
    found, said = tune(
        *("--policy", "lead:width=1", "--unlimited", "--match", "self-consistency:k=12"),
        *("--trials", "20"),
    )
    whole = found["tuning"]["whole"]
    assert whole["score"]["accuracy"] >= whole["target"]
    names = [policy["policy"] for policy in found["comparison"]["policies"]]
    assert names == ["self-consistency:k=12", "lead:width=1 (tuned)", "lead"]
    everything = sum(100 + 30 * q + 23 * s for q in range(6) for s in range(12)) / 6
    assert whole["score"]["tokens_per_question"] < everything
    assert "fewest tokens at the accuracy of self-consistency:k=12" in " ".join(said.split())


def test_what_out_holds_is_a_policy_to_use(
    quick: tuple[str, ...], trace: Path, tmp_path: Path, tune: Tune
) -> None:
    """The file replays as it is, says where it comes from, and its studies lie beside it."""
    out = tmp_path / "best.json"
    common = [str(trace), *quick]
    assert main([*common, "--policy", "share:width=4", "--trials", "6", "--out", str(out)]) == 0
    written = json.loads(out.read_bytes())
    assert written["parameters"]["width"] == "4"
    assert len(written["tuning"]["folds"]) == 3
    assert out.with_suffix(".db").exists()
    assert replay([*common, "--policy", str(out)]) == 0
    found, _ = tune(
        "--policy", "share:width=4", "--trials", "6", "--storage", str(tmp_path / "best.db")
    )
    assert found["policy"] == {key: written[key] for key in ("policy", "parameters")}


def test_impossible_settings_cost_no_trial(tune: Tune, tmp_path: Path) -> None:
    """A cap below the width is passed over, and as many trials are played as were asked for."""
    found, _ = tune("--policy", "lead:width=12", "--knob", "cap", "--trials", "6")
    assert [one["trials"] for one in found["tuning"]["folds"]] == [6] * 3
    params = [
        trial.params["cap"]
        for study in studies_in(tmp_path / "tune.db")
        for trial in study.trials
        if trial.intermediate_values
    ]
    assert min(params) >= 12


def test_total_seconds_are_shared_out(tune: Tune) -> None:
    """A fold's shorter streams have as much time a question as whole ones."""
    found, _ = tune("--policy", "share", "--trials", "1", "--total-s", "12")
    assert found["tuning"]["whole"]["settings"]["total_s"] == 12.0
    assert found["tuning"]["folds"][0]["settings"]["total_s"] == 8.0
    assert found["comparison"]["settings"]["total_s"] == 4.0
