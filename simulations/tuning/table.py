"""A tuning as text: what each fold chose, what the left-out questions say, and what to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from policies import PolicySpec
from simulations.results_table import number_of, results_table
from simulations.tuning.space import policy_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulations.tuning.results import Tuned, TuneResults

_EXPLAINED = (
    "Accuracy and tokens a question (thousands) above are those of the very questions that were "
    "tuned on, so they flatter. Stopped: trials given up early. Parameters that differ from fold "
    "to fold are not well determined by so few questions."
)


def tuning_table(results: TuneResults) -> Group:
    """Return everything that a terminal, or a pipe of 80 columns, shows of a tuning."""
    tuning = results.tuning
    rows = [(f"all but fold {place}", fold) for place, fold in enumerate(tuning.folds, 1)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("tuned on", no_wrap=True)
    for name in ("trials", "stopped", "accuracy\n(%)", "thousand\ntokens"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("best", overflow="fold")
    for name, tuned in [*rows, ("all questions", tuning.whole)]:
        table.add_row(name, *_figures(tuned), _parameters(results.policy.policy, tuned))
    parts: list[RenderableType] = [Text(_title(results), style="bold"), table, Text()]
    parts += [Text(_EXPLAINED), Text()]
    parts += [Text("On left-out questions only", style="bold"), Text()]
    parts += [results_table(results.comparison), Text()]
    parts += [Text("To use, tuned on all questions: ", end=""), Text(results.text, style="bold")]
    return Group(*parts)


def _title(results: TuneResults) -> str:
    knobs = ", ".join(results.tuning.knobs)
    match = results.tuning.match
    goal = "most accuracy" if match is None else f"fewest tokens at the accuracy of {match}"
    return f"Tuning {knobs} of {results.policy.policy} for {goal}"


def _figures(tuned: Tuned) -> list[str]:
    accuracy = number_of(100.0 * tuned.score.accuracy, 1)
    if tuned.target is not None:
        accuracy += f"\nof {number_of(100.0 * tuned.target, 1)}"
    tokens = number_of(tuned.score.tokens_per_question / 1000.0, 2)
    return [f"{tuned.trials:,}", f"{tuned.stopped:,}", accuracy, tokens]


def _parameters(policy: str, tuned: Tuned) -> Text:
    text = policy_text(PolicySpec(policy, tuned.parameters)).partition(":")[2]
    return Text(text.replace(",", " "))
