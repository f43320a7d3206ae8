"""What is in a trace: counts, tokens, accuracy and what was logged, as numbers and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
import polars as pl
from rich.table import Table as RichTable
from rich.text import Text

from simulations.traces.schema import FEATURE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from simulations.traces.folder import Trace

_DIGITS = 12  # of the digest, in the table


class Spread(TypedDict):
    """Samples of a question, over the questions."""

    min: int
    median: float
    max: int


class Tokens(TypedDict):
    """Tokens of a sample, over all samples."""

    mean: float
    median: float
    p90: float
    max: int


class Known(TypedDict):
    """What was logged; shares are of samples, or of checkpoints where the name says so."""

    entropy: float
    checkpoint_entropy: float
    probes: int
    segments: int
    features: list[str]
    prompt_tokens: float
    times: float
    profile: bool


class Description(TypedDict):
    """What `describe` returns; None where nothing has finished or no right answer is known.

    Samples that were stopped are censored: they count as samples and in tokens, not in
    `pass_at_1` and `majority_accuracy`. Both are means over the questions that have a finished
    sample and a known right answer. A tie in the majority goes to the answer that came with the
    fewest tokens, as if all had run at once. `finish_reasons` are shares of all samples; unknown
    is `unknown`.
    """

    name: str
    model: str
    digest: str
    questions: int
    samples: int
    checkpoints: int
    samples_per_question: Spread
    arms: dict[str, int]
    tokens: Tokens
    finish_reasons: dict[str, float]
    pass_at_1: float | None
    majority_accuracy: float | None
    known: Known


def describe(trace: Trace) -> Description:
    """Sum a trace up in numbers that JSON can hold."""
    samples = trace.samples
    asked = trace.questions.select("question_id")
    counted = asked.join(samples.group_by("question_id").len(), on="question_id", how="left")
    counts = counted["len"].fill_null(0).to_numpy()
    tokens = samples["tokens"].to_numpy()
    arms = samples["arm"].value_counts().sort("arm")
    reasons = samples["finish_reason"].fill_null("unknown").value_counts(normalize=True)
    finished = samples.filter(pl.col("finish_reason").ne_missing("stopped")).join(
        trace.questions.select("question_id", "gold").drop_nulls(), on="question_id"
    )
    return Description(
        name=trace.name,
        model=trace.header.model,
        digest=trace.digest,
        questions=trace.questions.height,
        samples=samples.height,
        checkpoints=trace.checkpoints.height,
        samples_per_question=Spread(
            min=int(counts.min()), median=float(np.median(counts)), max=int(counts.max())
        ),
        arms=dict(arms.iter_rows()),
        tokens=Tokens(
            mean=float(tokens.mean()),
            median=float(np.median(tokens)),
            p90=float(np.quantile(tokens, 0.9)),
            max=int(tokens.max()),
        ),
        finish_reasons=dict(reasons.sort("finish_reason").iter_rows()),
        pass_at_1=_pass_at_1(finished),
        majority_accuracy=_majority_accuracy(finished),
        known=_known(trace),
    )


def description_table(descriptions: Sequence[Description]) -> RichTable:
    """Set descriptions beside each other: a row a fact, a column a trace."""
    table = RichTable()
    table.add_column("trace")
    for description in descriptions:
        table.add_column(Text(description["name"]), justify="right", overflow="fold")
    for cells in zip(*(_cells(description) for description in descriptions), strict=True):
        # Names come from files: as Text, their brackets are no markup.
        table.add_row(cells[0][0], *(Text(value) for _, value in cells))
    return table


def _right() -> pl.Expr:
    return (pl.col("answer") == pl.col("gold")).fill_null(value=False)


def _pass_at_1(finished: pl.DataFrame) -> float | None:
    by_question = finished.group_by("question_id").agg(_right().mean().alias("right"))
    return _mean(by_question["right"])


def _majority_accuracy(finished: pl.DataFrame) -> float | None:
    votes = finished.group_by("question_id", "gold", "answer").agg(
        (pl.len() * pl.col("answer").first().is_not_null()).alias("votes"),
        pl.col("tokens").min(),
        pl.col("sample").min(),
    )
    order = ["votes", "tokens", "sample"]
    ranked = votes.sort(order, descending=[True, False, False])
    leaders = ranked.unique("question_id", keep="first", maintain_order=True)
    return _mean(leaders.select(_right().alias("right"))["right"])


def _mean(values: pl.Series) -> float | None:
    return float(values.to_numpy().mean()) if len(values) else None


def _share(values: pl.Series) -> float:
    """Share of the values that are known; 0 where there are none."""
    return float(values.is_not_null().to_numpy().mean()) if len(values) else 0.0


def _known(trace: Trace) -> Known:
    samples, checkpoints = trace.samples, trace.checkpoints
    return Known(
        entropy=_share(samples["mean_entropy"]),
        checkpoint_entropy=_share(checkpoints["mean_entropy"]),
        probes=int(checkpoints["probed"].to_numpy().sum()),
        segments=0 if trace.segments is None else trace.segments.height,
        features=[
            name.removeprefix(FEATURE_PREFIX)
            for name in trace.questions.columns
            if name.startswith(FEATURE_PREFIX)
        ],
        prompt_tokens=_share(samples["prompt_tokens"]),
        times=_share(samples["ended_s"]),
        profile=trace.profile is not None,
    )


def _cells(description: Description) -> Iterator[tuple[str, str]]:
    """Give the rows of one trace's column: what is told, and its value."""
    spread, tokens, known = (
        description["samples_per_question"],
        description["tokens"],
        description["known"],
    )
    yield "model", description["model"]
    yield "questions", f"{description['questions']:,}"
    yield "samples", f"{description['samples']:,}"
    yield (
        "  a question: min, median, max",
        f"{spread['min']}, {spread['median']:g}, {spread['max']}",
    )
    yield "  by arm", _listed(f"{arm} {count:,}" for arm, count in description["arms"].items())
    yield "tokens a sample: mean", f"{tokens['mean']:,.0f}"
    yield "  median", f"{tokens['median']:,.0f}"
    yield "  90th percentile", f"{tokens['p90']:,.0f}"
    yield "  max", f"{tokens['max']:,}"
    reasons = description["finish_reasons"].items()
    yield "finished by", _listed(f"{reason} {share:.1%}" for reason, share in reasons)
    yield "right: one sample", _percent(description["pass_at_1"])
    yield "right: majority of all", _percent(description["majority_accuracy"])
    yield "checkpoints", f"{description['checkpoints']:,}"
    yield "  probed", f"{known['probes']:,}"
    yield "  entropy known", f"{known['checkpoint_entropy']:.0%}"
    yield "samples' entropy known", f"{known['entropy']:.0%}"
    yield "samples' prompt tokens known", f"{known['prompt_tokens']:.0%}"
    yield "samples' times known", f"{known['times']:.0%}"
    yield "segments", f"{known['segments']:,}"
    yield "features", _listed(known["features"])
    yield "latency profile", "yes" if known["profile"] else "no"
    yield "digest", description["digest"][:_DIGITS]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
