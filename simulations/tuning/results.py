"""What a tuning found out: the JSON that `--json` writes, and the policy's file of `--out`.

Accuracies are fractions. Storage, jobs and clock times stay out, so that equal settings give
equal bytes.
"""

from __future__ import annotations

import msgspec

from policies.knobs import Knob
from policies.registry import PolicySpec, Value
from simulations.results import Results, Settings
from simulations.tuning.playing import Score
from simulations.tuning.space import policy_text

FORMAT = 1


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """What was tuned on some of the questions.

    Attributes:
        study: Name of the study in the storage.
        trials: Trials that were played, the stopped ones included.
        stopped: Trials that were stopped early.
        parameters: The best policy's, the fixed ones included.
        score: What it came to on the very questions it was tuned on: too good to be true.
        target: The accuracy that was to be matched there; None without one.
        settings: How it was tuned.
        left_out: Questions that it never saw, sorted.
    """

    study: str
    trials: int
    stopped: int
    parameters: dict[str, Value]
    score: Score
    target: float | None
    settings: Settings
    left_out: list[str]


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Where parameters come from.

    Attributes:
        format: Version of these fields.
        knobs: What was tuned, and over which values.
        match: The policy whose accuracy was to be reached with fewest tokens; None where the
            most accuracy was looked for.
        traces: Digests of the traces.
        folds: What was tuned on all folds but one, by fold.
        whole: What was tuned on all questions, which is what to use.
    """

    format: int = FORMAT
    knobs: dict[str, Knob]
    match: str | None
    traces: list[str]
    folds: list[Tuned]
    whole: Tuned


class TuneResults(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tuning.

    Attributes:
        policy: The best on all questions; what to use.
        tuning: Where it comes from.
        comparison: What the folds' policies came to on the questions they never saw.
    """

    policy: PolicySpec
    tuning: Tuning
    comparison: Results

    @property
    def text(self) -> str:
        """The best policy as `--policy` takes it."""
        return policy_text(self.policy)


def encode_tuning(results: TuneResults) -> bytes:
    """Write everything as indented JSON."""
    return _indented(results)


def encode_policy(results: TuneResults) -> bytes:
    """Write the best policy as a file that `--policy` takes, with where it comes from."""
    return _indented({**msgspec.structs.asdict(results.policy), "tuning": results.tuning})


def _indented(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
