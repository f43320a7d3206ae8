"""Results as tables of text: for the terminal here, for the page in `simulations.report`.

Both show the same numbers in the same words, so the words are made here once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from simulations.results import Interval, ModelResult, PairedResult, PolicyResult, Results

_DIGEST_SHOWN = 12
_GAP = 2  # blanks between columns
_NARROWEST = 18  # the policy's column
_SMALL = 10.0  # columns that stay below it show two decimals


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure and, where it has one, its interval."""

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} ({self.interval})" if self.interval else self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's line.

    Attributes:
        place: The policy's place in the results, from 0.
        policy: As it was given.
        cells: One for each column.
    """

    place: int
    policy: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its title, the columns after the policy's, and a row a policy."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def results_table(results: Results) -> Group:
    """Return everything that a terminal, or a pipe of 80 columns, shows of a replay."""
    parts: list[RenderableType] = []
    for grid in grids(results):
        parts += [Text(grid.title, style="bold"), Fitted(grid)]
    parts += [Text(legend(results)), Text()]
    settings = Table.grid(padding=(0, _GAP))
    for name, value in facts(results):
        settings.add_row(Text(name, style="bold"), Text(value))
    parts.append(settings)
    return Group(*parts)


def grids(results: Results) -> list[Grid]:
    """Return the tables: policies, then differences from the first, then each model's."""
    found = [_policy_grid(results)]
    if results.paired:
        found.append(_paired_grid(results))
    models = list(results.policies[0].by_model)
    if len(models) > 1:
        found += [_model_grid(model, results.policies) for model in models]
    return found


def legend(results: Results) -> str:
    """Say what the columns mean and what the counts are out of."""
    streams = results.settings.streams * len(results.policies[0].by_model)
    questions = sum(results.policies[0].reasons.values())
    return (
        "Under each figure: its 95 % interval from a bootstrap over questions. "
        f"Overruns: streams that ended too late, of {streams:,}. "
        "Unanswered: questions without a submission by their deadline (an empty one is wrong); "
        "exhausted: questions that asked for more samples than were logged; "
        f"both of {questions:,}. "
        "Regret: points of accuracy that a bound has and the policy lacks."
    )


def facts(results: Results, *, digest_length: int | None = _DIGEST_SHOWN) -> list[tuple[str, str]]:
    """Return the bounds, the settings and the digests, each with its name.

    Args:
        results: What the replay found.
        digest_length: Characters to show of a digest; None shows all.
    """
    bounds, settings = results.bounds, results.settings
    majority, stopping = percent_of(bounds.pool_majority), percent_of(bounds.best_stopping)
    tokens = thousands_of([bounds.best_stopping_tokens])(bounds.best_stopping_tokens)
    best = (
        f"{stopping.value} % ({stopping.interval}) in hindsight, "
        f"with {tokens.value} thousand tokens a question ({tokens.interval})"
    )
    limit = "no limit" if settings.total_s is None else f"{settings.total_s:,g} s a stream"
    time = (
        f"{limit}, {settings.reserve_s:,g} s reserved, {settings.floor_s:,g} s floor a question, "
        f"{settings.startup_s:,g} s start-up, {settings.gateway_s:,g} s gateway a question"
    )
    streams = (
        f"{settings.streams:,} a model, {settings.questions:,} questions each, "
        f"order {settings.order}, draws {settings.draw}, seed {settings.seed}"
    )
    found = [
        ("Pool majority", f"{majority.value} % ({majority.interval})"),
        ("Best stopping", best),
        ("Time", time),
        ("Streams", streams),
        ("Profile", f"{settings.profile}, digest {settings.profile_digest[:digest_length]}"),
    ]
    for trace in results.traces:
        content = (
            f"{trace.model}, {trace.questions:,} questions, {trace.samples:,} samples, "
            f"digest {trace.digest[:digest_length]}"
        )
        found.append((f"Trace {trace.name}", content))
    return found


def pieces(policy: str) -> list[str]:
    """Cut a policy after its colons, commas and its words' hyphens, where a line may break."""
    return re.split(r"(?<=[:,])|(?<=[a-z]-)", policy)


def _policy_grid(results: Results) -> Grid:
    policies = results.policies
    tokens = thousands_of([p.tokens_per_question for p in policies])
    seconds = seconds_of([p.seconds_per_question for p in policies])
    return Grid(
        "Policies, tokens and seconds a question",
        (
            "accuracy\n(%)",
            "thousand\ntokens",
            "seconds",
            "over-\nruns",
            "unan-\nswered",
            "ex-\nhausted",
            "regret to\nmajority\n(points)",
            "regret to\nstopping\n(points)",
        ),
        tuple(
            Row(
                place,
                policy.policy,
                (
                    percent_of(policy.accuracy),
                    tokens(policy.tokens_per_question),
                    seconds(policy.seconds_per_question),
                    Cell(f"{policy.overruns:,}"),
                    Cell(f"{policy.unanswered:,}"),
                    Cell(f"{policy.exhausted:,}"),
                    percent_of(policy.regret.pool_majority),
                    percent_of(policy.regret.best_stopping),
                ),
            )
            for place, policy in enumerate(policies)
        ),
    )


def _paired_grid(results: Results) -> Grid:
    base = results.policies[0]
    tokens = thousands_of([pair.tokens_per_question for pair in results.paired], signed=True)
    places = {policy.policy: place for place, policy in enumerate(results.policies)}
    seconds = seconds_of([pair.seconds_per_question for pair in results.paired], signed=True)

    def row(pair: PairedResult) -> Row:
        return Row(
            places[pair.policy],
            pair.policy,
            (
                cell_of(pair.accuracy, 100.0, 1, signed=True),
                tokens(pair.tokens_per_question),
                _relative(pair.tokens_per_question, base.tokens_per_question),
                seconds(pair.seconds_per_question),
            ),
        )

    return Grid(
        f"Differences from {base.policy}, question by question",
        ("accuracy\n(points)", "thousand\ntokens", "tokens\n(%)", "seconds"),
        tuple(row(pair) for pair in results.paired),
    )


def _model_grid(model: str, policies: Sequence[PolicyResult]) -> Grid:
    by_policy: list[ModelResult] = [policy.by_model[model] for policy in policies]
    tokens = thousands_of([result.tokens_per_question for result in by_policy])
    seconds = seconds_of([result.seconds_per_question for result in by_policy])
    return Grid(
        f"Model {model}",
        ("accuracy\n(%)", "thousand\ntokens", "seconds"),
        tuple(
            Row(
                place,
                policy.policy,
                (
                    percent_of(result.accuracy),
                    tokens(result.tokens_per_question),
                    seconds(result.seconds_per_question),
                ),
            )
            for place, (policy, result) in enumerate(zip(policies, by_policy, strict=True))
        ),
    )


def percent_of(interval: Interval) -> Cell:
    """Show an accuracy in per cent."""
    return cell_of(interval, 100.0, 1)


def thousands_of(column: Sequence[Interval], *, signed: bool = False) -> Callable[[Interval], Cell]:
    """Return what shows a column of tokens in thousands."""
    return _column(column, 1e-3, signed=signed)


def seconds_of(column: Sequence[Interval], *, signed: bool = False) -> Callable[[Interval], Cell]:
    """Return what shows a column of seconds."""
    return _column(column, 1.0, signed=signed)


def _column(
    column: Sequence[Interval], scale: float, *, signed: bool
) -> Callable[[Interval], Cell]:
    """Return a writer that gives every cell of one column the same number of decimals."""
    largest = max(abs(interval.mean) * scale for interval in column)
    digits = 2 if largest < _SMALL else 1
    return lambda interval: cell_of(interval, scale, digits, signed=signed)


def _relative(difference: Interval, base: Interval) -> Cell:
    """Return a difference in percent of what the baseline takes, a dash if that is nothing."""
    if base.mean == 0.0:
        return Cell("–")
    return Cell(number_of(100.0 * difference.mean / base.mean, 1, signed=True))


def cell_of(interval: Interval, scale: float, digits: int, *, signed: bool = False) -> Cell:
    """Show a figure with its interval, multiplied by `scale`."""
    low, high = (number_of(end * scale, digits) for end in (interval.low, interval.high))
    return Cell(number_of(interval.mean * scale, digits, signed=signed), f"{low}…{high}")


def number_of(value: float, digits: int, *, signed: bool = False) -> str:
    """Write a number with a true minus sign and never as minus zero."""
    text = f"{value:+z,.{digits}f}" if signed else f"{value:z,.{digits}f}"
    return text.replace("-", "−")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A grid as wide as the terminal lets it be.

    Columns that find no room go below the others, beside the policies once more.
    """

    grid: Grid

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths()
        names = [row.policy for row in self.grid.rows]
        longest = max(cell_len(name) for name in ("policy", *names))
        least = max(_NARROWEST, *(cell_len(piece) for name in names for piece in pieces(name)))
        spare = options.max_width - sum(_GAP + width for width in widths)
        width = min(longest, max(min(least, options.max_width // 2), spare))
        for columns in self._blocks(widths, options.max_width - width):
            yield self._drawn(columns, width)
            yield Text()

    def _widths(self) -> list[int]:
        """Return how wide each column is."""
        return [
            max(
                cell_len(text)
                for text in (
                    *header.split("\n"),
                    *(row.cells[column].value for row in self.grid.rows),
                    *(row.cells[column].interval for row in self.grid.rows),
                )
            )
            for column, header in enumerate(self.grid.columns)
        ]

    @staticmethod
    def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
        """Part the columns, in their order, into blocks that fit."""
        blocks: list[list[int]] = [[]]
        left = room
        for column, width in enumerate(widths):
            left -= _GAP + width
            if left < 0 and blocks[-1]:
                blocks.append([])
                left = room - _GAP - width
            blocks[-1].append(column)
        return blocks

    def _drawn(self, columns: Sequence[int], width: int) -> Table:
        # The box itself leaves one blank of the gap.
        padding = (0, _GAP - 1, 0, 0)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=padding, show_edge=False)
        table.add_column("policy", width=width, overflow="fold")
        for column in columns:
            table.add_column(self.grid.columns[column], justify="right", no_wrap=True)
        for row in self.grid.rows:
            cells = (row.cells[column] for column in columns)
            figures = (Text(f"{cell.value}\n{cell.interval}".rstrip()) for cell in cells)
            table.add_row(Text(_folded(row.policy, width)), *figures)
        return table


def _folded(policy: str, width: int) -> str:
    """Break a policy that is wider into lines."""
    lines = [""]
    for piece in pieces(policy):
        if lines[-1] and cell_len(lines[-1]) + cell_len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)
