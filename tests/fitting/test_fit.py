"""The fit command: what it writes plays, processes change no byte, and bad input is one line."""

from __future__ import annotations

import json
from math import sqrt
from typing import TYPE_CHECKING, Any

import pytest

from policies import parse_policy
from policies.evidence import FEATURES
from policies.pricing import CrossFitted, Parameters, read_parameters
from simulations.fit import main
from simulations.fitting import assembling
from simulations.replay import main as replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rules learn for a moment: here it matters what is written, not how good it is."""
    monkeypatch.setattr(assembling, "_STEPS", 6)


def fit_to(folder: Path, traces: list[Path], *arguments: str) -> tuple[Path, Path]:
    """Fit, and return the parameters and those by fold."""
    folder.mkdir()
    whole, crossed = folder / "mine.json", folder / "crossed.json"
    paths = [str(path) for path in traces]
    assert main([*paths, *arguments, "--out", str(whole), "--crossed", str(crossed)]) == 0
    return whole, crossed


def test_processes_change_no_byte(quick: tuple[str, ...], write: Write, tmp_path: Path) -> None:
    """One process and two write the same two files."""
    traces = [write(tmp_path, "one"), write(tmp_path, "two", shift=2)]
    written = [
        [path.read_bytes() for path in fit_to(tmp_path / jobs, traces, *quick, "--jobs", jobs)]
        for jobs in ("1", "2")
    ]
    assert written[0] == written[1]


@pytest.mark.parametrize("probes", [True, False])
def test_what_is_written_plays(
    quick: tuple[str, ...],
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    probes: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """Both files are policies that a replay takes, with probes or, where none were logged, not."""
    trace = write(tmp_path, "tiny", probes=probes)
    whole, crossed = fit_to(tmp_path / "fit", [trace], *quick)
    said = capsys.readouterr()
    assert "accuracy %, cross-fitted" in said.out
    assert f"wrote {whole}" in said.err
    assert f"wrote {crossed}" in said.err
    fitted, folds = read_parameters(str(whole)), read_parameters(str(crossed))
    assert isinstance(fitted, Parameters)
    assert isinstance(folds, CrossFitted)
    for one in (fitted, *folds.folds):
        assert ("probes" in one.off) is not probes
        assert "entropy" in one.off
        assert one.features == FEATURES
        assert [rule.width for rule in one.rules] == [1, 3]
    assert (fitted.name, fitted.models, len(fitted.traces)) == ("mine", ("tiny",), 1)
    assert (fitted.settings["draws"], fitted.settings["folds"]) == (2, 3)
    assert sorted(folds.fold_of) == [f"q{n}" for n in range(6)]

    specs = [f"shadow-price:parameters={path}" for path in (whole, crossed)]
    specs.append(f"{specs[0]},level=high")
    for spec in specs:
        parse_policy(spec).build()
    target = tmp_path / "out.json"
    played = ["--per-question-s", "9", "--streams", "4", "--jobs", "1", "--json", str(target)]
    named = [part for spec in specs for part in ("--policy", spec)]
    assert replay([str(trace), *played, *named]) == 0
    found = json.loads(target.read_bytes())
    assert [one["policy"] for one in found["policies"]] == specs
    for one in found["policies"]:
        assert one["accuracy"]["mean"] > 0.2
        assert set(one["reasons"]) <= {"price", "lead", "cap", "soft-deadline"}
        assert (one["overruns"], one["unanswered"]) == (0, 0)


def test_difficulty_that_is_known_is_weighed(
    quick: tuple[str, ...], write: Write, tmp_path: Path
) -> None:
    """A prior brings its mean and spread and a weight a rule; one that never varies, no weight."""
    trace = write(tmp_path, "tiny")
    whole, _ = fit_to(tmp_path / "fit", [trace], *quick, "--prior", "level", "--prior", "even")
    fitted = read_parameters(str(whole))
    assert isinstance(fitted, Parameters)
    level, even = fitted.priors
    assert (level.name, level.mean, level.scale) == ("level", 2.5, pytest.approx(sqrt(35 / 12)))
    assert (even.name, even.mean, even.scale) == ("even", 3.0, 1.0)
    for rule in fitted.rules:
        assert len(rule.level) == len(FEATURES) + 2
        assert rule.level[-2] != 0.0
        assert (rule.level[-1], rule.slope[-1]) == (0.0, 0.0)


def test_the_seed_makes_the_fit(quick: tuple[str, ...], write: Write, tmp_path: Path) -> None:
    """One seed writes the same bytes again, another one others."""
    trace = write(tmp_path, "tiny")
    written = [
        fit_to(tmp_path / folder, [trace], *quick, "--seed", seed)[0].read_bytes()
        for folder, seed in (("a", "0"), ("b", "0"), ("c", "1"))
    ]
    assert written[0] == written[1] != written[2]


def test_nothing_is_written_beside_what_was_asked_for(
    quick: tuple[str, ...], write: Write, tmp_path: Path
) -> None:
    """Without `--crossed` there is one file, and the trace is as it was."""
    trace = write(tmp_path, "tiny")
    before = {path: path.read_bytes() for path in trace.rglob("*") if path.is_file()}
    folder = tmp_path / "fit"
    folder.mkdir()
    assert main([str(trace), *quick, "--out", str(folder / "mine.json")]) == 0
    assert [path.name for path in folder.iterdir()] == ["mine.json"]
    assert {path: path.read_bytes() for path in trace.rglob("*") if path.is_file()} == before


# What is refused.


def said_by(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command with bad input and return its one line."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else -1
    said = capsys.readouterr()
    assert code == 2
    assert said.err.count("\n") == 1
    assert not said.out
    return said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--folds", "7"], "argument --folds: "),
        (["--folds", "7"], "6 questions"),
        (["--folds", "2"], "argument --folds"),
        (["--folds", "1"], "argument --folds"),
        (["--folds", "0"], "argument --folds: must be a whole number from"),
        (["--folds", "many"], "argument --folds: must be a whole number from"),
        (["--width", "0"], "argument --width: must be a whole number from 1, got '0'"),
        (["--width", "65"], "argument --width"),
        (["--draws", "0"], "argument --draws: must be a whole number from 1, got '0'"),
        (["--jobs", "0"], "argument --jobs: must be a whole number from 1, got '0'"),
        (["--seed", "-1"], "argument --seed: must be a whole number from 0, got '-1'"),
        (["--prior", "mood"], "argument --prior: no question has a feature 'mood'"),
        (["--prior", "mood"], "level"),
        (["--profile", "assumed-qwen3-8c"], "assumed-qwen3-8b"),
        (["--out", "no/such/mine.json"], "argument --out: must be a file in a folder that exists"),
        (["--crossed", "no/such/c.json"], "argument --crossed: must be a file in a folder that"),
        (["--withd", "4"], "unrecognized arguments: --withd"),
    ],
)
def test_bad_arguments_are_one_line(
    quick: tuple[str, ...],
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    """What is wrong is named, with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    trace = write(tmp_path, "tiny")
    assert message in said_by([str(trace), *quick, "--out", "mine.json", *arguments], capsys)
    assert not (tmp_path / "mine.json").exists()


def test_a_place_to_write_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--out` there would be nothing to show for the work."""
    assert "the following arguments are required: --out" in said_by([], capsys)


def test_two_results_in_one_file_are_refused(
    quick: tuple[str, ...], write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The crossed parameters, which play too, never overwrite the whole ones."""
    trace, out = write(tmp_path, "tiny"), str(tmp_path / "mine.json")
    said = said_by([str(trace), *quick, "--out", out, "--crossed", out], capsys)
    assert "argument --crossed" in said


def test_a_missing_trace_is_named(
    quick: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that isn't there, or holds something else, is named."""
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        given = [str(tmp_path / name), *quick, "--out", str(tmp_path / "mine.json")]
        assert str(tmp_path / name) in said_by(given, capsys)


def test_a_trace_that_comes_twice_is_refused(
    quick: tuple[str, ...], write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same samples would count as twice as many."""
    trace = str(write(tmp_path, "tiny"))
    given = [trace, trace, *quick, "--out", str(tmp_path / "mine.json")]
    assert "holds the same as" in said_by(given, capsys)


def test_too_few_questions_are_refused(
    quick: tuple[str, ...], write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two questions cannot be judged by rules that never saw them, and their values neither."""
    trace = write(tmp_path, "tiny", questions=2)
    given = [str(trace), *quick, "--out", str(tmp_path / "mine.json")]
    assert "argument --folds: " in said_by(given, capsys)


def test_gold_that_nobody_finds_is_no_error(
    quick: tuple[str, ...], write: Write, tmp_path: Path
) -> None:
    """Where no answer is ever right, time buys nothing and the fit says so."""
    trace = write(tmp_path, "tiny", wrong=[f"q{n}" for n in range(6)])
    whole, _ = fit_to(tmp_path / "fit", [trace], *quick)
    fitted = read_parameters(str(whole))
    assert isinstance(fitted, Parameters)
    assert {a for rule in fitted.rules for a in rule.accuracy} == {0.0}


def figures(path: Path) -> Any:  # noqa: ANN401 - JSON
    """Read a file of parameters as it lies there."""
    return json.loads(path.read_bytes())


def test_the_file_is_for_people_too(quick: tuple[str, ...], write: Write, tmp_path: Path) -> None:
    """It is indented JSON whose fields say what they were fitted with."""
    whole, crossed = fit_to(tmp_path / "fit", [write(tmp_path, "tiny")], *quick)
    assert whole.read_text().count("\n") > 20
    found = figures(whole)
    assert (found["format"], found["settings"]["profile"]) == (1, "assumed-qwen3-8b")
    assert found["probe_every_tokens"] == 50
    assert set(found["levels"]) == {"low", "middle", "high"}
    assert set(figures(crossed)) == {"folds", "fold_of"}
