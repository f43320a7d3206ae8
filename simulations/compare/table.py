"""A comparison as tables of text: for the terminal here, for the page in `compare_page`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulations.bootstrap import RESAMPLES
from simulations.results_table import (
    Cell,
    Fitted,
    Grid,
    Row,
    cell_of,
    number_of,
    percent_of,
    seconds_of,
    thousands_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from simulations.compare.results import (
        Budget,
        CompareResults,
        ContextResult,
        Cost,
        GroupDifference,
        Match,
        Reach,
        Standing,
    )

LEGEND = (
    "Under each figure: its 95 % interval from a paired bootstrap over questions; each model "
    "weighs the same. Front: no policy under the same total is at least as accurate for at most "
    "as many seconds, or tokens. Cost to match: the least that a family pays, along the concave "
    "hull of its points, to be as accurate as the baseline, and as a multiple of what that "
    "pays; ≤: its cheapest point is more accurate already; – and ∞: out of reach; reached: share "
    "of the resamples. Wins: questions by the pass rate of their logged samples, counted once a "
    "model; better and worse by more than 2 points. Many points make a hull, or a front, look "
    "better than it is: confirm the winner on other questions."
)

_NONE = "–"
_DIGEST_SHOWN = 12
_SMALL = 10.0
_GROUP_NAMES = {"0": "0", "0-1/4": "0–¼", "1/4-3/4": "¼–¾", "3/4-1": "¾–1", "1": "1"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with what its rows are.

    Attributes:
        grid: The table; a row's place is its policy's number less one, or its family's.
        families: Whether rows are families.
    """

    grid: Grid
    families: bool = False


def comparison_table(results: CompareResults) -> Group:
    """Return everything that a terminal, or a pipe of 80 columns, shows of a comparison."""
    parts: list[RenderableType] = []
    for number, context in enumerate(results.contexts, 1):
        if len(results.contexts) > 1:
            parts.append(Text(f"Context {number} of {len(results.contexts)}", style="bold"))
        terms = Table.grid(padding=(0, 2))
        for name, value in facts(context):
            terms.add_row(Text(name, style="bold"), Text(value))
        parts += [terms, Text()]
        for sheet in sheets(context):
            parts += [Text(sheet.grid.title, style="bold"), Fitted(sheet.grid)]
    parts.append(Text(f"{LEGEND} {results.resamples:,} resamples, seed {results.seed}."))
    return Group(*parts)


def sheets(context: ContextResult) -> list[Sheet]:
    """Return the tables: standings, costs to match and wins over all models; standings by model."""
    places = {policy: place for place, policy in enumerate(context.policies)}
    base = context.baseline
    budgets = context.overall.budgets
    found = [Sheet(_standing_grid(budget, places, base)) for budget in budgets]
    found += [Sheet(_match_grid(match, base), families=True) for match in context.overall.matches]
    for budget in budgets:
        rows = [standing for standing in budget.policies if standing.policy != base]
        if rows and rows[0].groups:
            found.append(Sheet(_group_grid(budget, rows, places, base)))
    for model, scope in context.by_model.items():
        found += [
            Sheet(_standing_grid(budget, places, base, f"{model}: ")) for budget in scope.budgets
        ]
    return found


def facts(
    context: ContextResult, *, digest_length: int | None = _DIGEST_SHOWN
) -> list[tuple[str, str]]:
    """Return what a context's cells share, each with its name.

    Args:
        context: The context.
        digest_length: Characters to show of a digest; None shows all.
    """
    terms = context.terms
    streams = (
        f"{terms.streams:,} a model, {terms.questions:,} questions each, "
        f"order {terms.order}, draws {terms.draw}, seed {terms.seed}"
    )
    return [
        ("Baseline", context.baseline),
        ("Models", ", ".join(context.models)),
        ("Pool", f"{context.pool:,} questions"),
        ("Streams", streams),
        ("Profile", f"{terms.profile}, digest {terms.profile_digest[:digest_length]}"),
        ("Traces", ", ".join(digest[:digest_length] for digest in terms.traces.split(","))),
    ]


def limit_text(total_s: float | None) -> str:
    """Say a total."""
    return "no limit" if total_s is None else f"{total_s:,g} s a stream"


def _standing_grid(budget: Budget, places: dict[str, int], baseline: str, prefix: str = "") -> Grid:
    tokens = thousands_of([standing.tokens_per_question for standing in budget.policies])
    seconds = seconds_of([standing.seconds_per_question for standing in budget.policies])
    return Grid(
        f"{prefix}Policies with {limit_text(budget.total_s)}, tokens and seconds a question",
        (
            "accuracy\n(%)",
            "difference\n(points)",
            "thousand\ntokens",
            "seconds",
            "front",
            "over-\nruns",
            "unan-\nswered",
            "ex-\nhausted",
        ),
        tuple(
            Row(
                places[standing.policy],
                standing.policy,
                (
                    percent_of(standing.accuracy),
                    _difference(standing, baseline),
                    tokens(standing.tokens_per_question),
                    seconds(standing.seconds_per_question),
                    Cell(_front(standing)),
                    Cell(f"{standing.overruns:,}"),
                    Cell(f"{standing.unanswered:,}"),
                    Cell(f"{standing.exhausted:,}"),
                ),
            )
            for standing in budget.policies
        ),
    )


def _difference(standing: Standing, baseline: str) -> Cell:
    if standing.policy == baseline:
        return Cell("baseline")
    if standing.difference is None:
        return Cell(_NONE)
    return cell_of(standing.difference, 100.0, 1, signed=True)


def _front(standing: Standing) -> str:
    if standing.on_seconds_front and standing.on_tokens_front:
        return "both"
    if standing.on_seconds_front:
        return "seconds"
    return "tokens" if standing.on_tokens_front else ""


def _match_grid(match: Match, baseline: str) -> Grid:
    accuracy = percent_of(match.accuracy).value
    tokens = _needed([cost.tokens for cost in match.families], 1e-3)
    seconds = _needed([cost.seconds for cost in match.families], 1.0)
    return Grid(
        f"Cost to match the {accuracy} % of {baseline} with {limit_text(match.total_s)}",
        (
            "points",
            "reached\n(%)",
            "thousand\ntokens",
            "ratio of\ntokens",
            "seconds",
            "ratio of\nseconds",
        ),
        tuple(
            Row(
                place,
                cost.family,
                (
                    Cell(f"{cost.points:,}"),
                    Cell(number_of(100.0 * cost.reached / RESAMPLES, 1)),
                    tokens(cost.tokens),
                    _ratio(cost.tokens),
                    seconds(cost.seconds),
                    _ratio(cost.seconds),
                ),
            )
            for place, cost in enumerate(match.families)
        ),
    )


def _needed(column: Sequence[Cost], scale: float) -> Callable[[Cost], Cell]:
    """Return a writer that gives every cost of one column the same number of decimals."""
    largest = max((cost.needed.value or 0.0) * scale for cost in column)
    digits = 2 if largest < _SMALL else 1
    return lambda cost: _reach(cost.needed, scale, digits, at_most=cost.at_most)


def _ratio(cost: Cost) -> Cell:
    return _reach(cost.ratio, 1.0, 2, at_most=cost.at_most)


def _reach(reach: Reach, scale: float, digits: int, *, at_most: bool) -> Cell:
    """Write a figure; what is out of reach costs infinitely much."""
    if reach.value is None:
        return Cell(_NONE)
    low, high = (
        "∞" if end is None else number_of(end * scale, digits) for end in (reach.low, reach.high)
    )
    sign = "≤" if at_most else ""
    return Cell(f"{sign}{number_of(reach.value * scale, digits)}", f"{low}…{high}")


def _group_grid(
    budget: Budget,
    rows: Sequence[Standing],
    places: dict[str, int],
    baseline: str,
) -> Grid:
    columns: list[str] = []
    for group in rows[0].groups:
        name = _GROUP_NAMES[group.group]
        count = f"{group.questions:,} question{'s' if group.questions != 1 else ''}"
        columns += [f"pass {name}\n{count}\n(points)", "better/\nworse"]
    return Grid(
        f"Wins against {baseline} by pass rate, with {limit_text(budget.total_s)}",
        tuple(columns),
        tuple(
            Row(
                places[standing.policy],
                standing.policy,
                tuple(cell for group in standing.groups for cell in _group_cells(group)),
            )
            for standing in rows
        ),
    )


def _group_cells(group: GroupDifference) -> tuple[Cell, Cell]:
    if group.accuracy is None:
        return Cell(_NONE), Cell(_NONE)
    score = Cell(f"{group.better:,}/{group.worse:,}")
    return cell_of(group.accuracy, 100.0, 1, signed=True), score
