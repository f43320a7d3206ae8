# %% [markdown]
# # 1. Look at traces
#
# **Are wrong answers longer? And do entropy and agreement tell right from wrong while samples
# still run?** A policy that stops long samples, or trusts a calm or a united crowd, bets on the
# answers. They differ between models and between sets of questions, so put your own traces into
# the next cell. As it stands, the bundled ones are read.
#
# All intervals are 95 %, from a bootstrap over *questions*: samples of one question are no
# independent evidence. The last cell holds the answers, made of the numbers.

# %%
from itertools import pairwise

import altair as alt
import numpy as np
import polars as pl
from scipy.stats import binomtest

from simulations.bootstrap import ratio, resample
from simulations.bundled import bundled_traces
from simulations.report.look import colour_of, shape_of
from simulations.results_table import cell_of
from simulations.separation import separation
from simulations.traces import read_trace

alt.renderers.enable("svg")  # pictures that need no network
TRACES = list(bundled_traces().values())  # folders; yours: [Path("traces/mine"), …]
SEED = 0
KEY = ["question_id", "arm", "sample"]

traces = {f"{trace.name} of {trace.header.model}": trace for trace in map(read_trace, TRACES)}

# %% [markdown]
# A sample is *right*, *wrong*, or has *no answer*, most often since it was cut at its limit. One
# that was stopped or has failed never showed its end and is left out, and so are all arms but one.


# %%
def ended_samples(trace):
    """Return one arm's ended samples with their question's number, `right` and `wrong`."""
    arms = trace.samples["arm"].unique().sort().to_list()
    arm = "default" if "default" in arms else arms[0]
    cut_off = pl.col("finish_reason").is_in(["stopped", "error"]).fill_null(value=False)
    known = trace.questions.filter(pl.col("gold").is_not_null()).select("question_id", "gold")
    right = (pl.col("answer") == pl.col("gold")).fill_null(value=False)
    return (
        trace.samples.filter(~cut_off, arm=arm)
        .join(known, on="question_id")
        .sort(KEY)
        .with_columns(
            question=pl.col("question_id").rank("dense").cast(pl.Int64) - 1,
            right=right,
            wrong=pl.col("answer").is_not_null() & ~right,
        )
    )


samples = {name: ended_samples(trace) for name, trace in traces.items()}
drawn = {name: resample(rows["question"].n_unique(), SEED) for name, rows in samples.items()}
for name, rows in samples.items():
    print(f"{name}: {rows['question'].n_unique()} questions, {len(rows):,} ended samples")
    kinds = {"right": pl.col("right"), "wrong": pl.col("wrong")}
    for kind, chosen in {**kinds, "no answer": ~pl.any_horizontal(*kinds.values())}.items():
        some = rows.filter(chosen)
        length = f", {some['tokens'].mean():,.0f} tokens on average" if len(some) else ""
        print(f"    {kind:9} {100 * len(some) / len(rows):5.1f} %{length}")

# %% [markdown]
# ## Are wrong answers longer?
#
# *Pooled*, all wrong answers are laid beside all right ones. But hard questions have longer
# samples *and* more wrong ones: length is confounded with difficulty, and the pooled difference
# holds both. *Within a question*, only right and wrong answers to the same question are compared,
# and each question that has both counts once. That is what a policy that watches one question can
# use. Samples without an answer are in neither group.

# %%
COMPARED = ["pooled", "within a question"]
lengths, means = {}, []
for name, rows in samples.items():
    of_question = rows.group_by("question", maintain_order=True).agg(
        rights=pl.col("right").sum(),
        wrongs=pl.col("wrong").sum(),
        right=pl.col("tokens").filter("right").mean(),
        wrong=pl.col("tokens").filter("wrong").mean(),
    )
    counts = of_question.select("rights", "wrongs").cast(pl.Float64).to_numpy().T
    mean = of_question.select("right", "wrong").fill_null(0.0).to_numpy().T
    both = (counts.min(axis=0) > 0).astype(float)
    pooled_right, pooled_wrong = (
        ratio(drawn[name], one * many, many) for one, many in zip(mean, counts, strict=True)
    )
    voted = rows.filter(pl.col("right") | pl.col("wrong"))
    chance = separation(drawn[name], voted["question"], voted["wrong"], voted["tokens"])
    lengths[name] = {
        "pooled": (pooled_wrong.minus(pooled_right), chance.pooled),
        "within a question": (ratio(drawn[name], (mean[1] - mean[0]) * both, both), chance.within),
    }
    means.append(
        of_question.filter(pl.col("rights") > 0, pl.col("wrongs") > 0).select(
            "right",
            "wrong",
            trace=pl.lit(name),
            share=100 * pl.col("rights") / (pl.col("rights") + pl.col("wrongs")),
        )
    )
    print(f"{name}: {both.sum():.0f} questions have right and wrong answers")
    for way, (difference, longer) in lengths[name].items():
        print(
            f"    {way:17} wrong less right: "
            f"{cell_of(difference.interval(), 1, 0, signed=True)} tokens; the wrong one of a pair "
            f"is longer in {cell_of(longer.interval(), 100, 1)} %"
        )

# %%
WIDTH = 460


def drawn_as(names, first=1):
    """Return the encodings that give each name a colour for every kind of sight, and a shape."""
    places = range(first, first + len(names))
    colours = alt.Scale(domain=names, range=[colour_of(place) for place in places])
    shapes = alt.Scale(domain=names, range=[shape_of(place) for place in places])
    return {"scale": colours}, {"scale": shapes}


def ends_of(interval, scale=1.0):
    """Return an interval as fields of a record."""
    return {end: scale * getattr(interval, end) for end in ("mean", "low", "high")}


records = [
    {"trace": name, "compared": way, **ends_of(difference.interval())}
    for name, found in lengths.items()
    for way, (difference, _) in found.items()
]
colours, shapes = drawn_as(COMPARED)
base = alt.Chart().encode(
    y=alt.Y("compared:N", title=None, sort=COMPARED),
    color=alt.Color("compared:N", legend=None, **colours),
)
alt.layer(
    alt.Chart().mark_rule(strokeDash=[6, 4], color="gray").encode(x=alt.datum(0)),
    base.mark_rule(strokeWidth=2).encode(
        x=alt.X(
            "low:Q",
            title="Tokens of wrong answers less tokens of right ones (tokens)",
            axis=alt.Axis(labelFlush=False),
        ),
        x2="high:Q",
    ),
    base.mark_point(filled=True, size=90, opacity=1).encode(
        x="mean:Q", shape=alt.Shape("compared:N", legend=None, **shapes)
    ),
    data=alt.InlineData(values=records),
).properties(width=WIDTH, height=70).facet(
    alt.Facet("trace:N", title=None, sort=list(samples)),
    columns=1,
    title="Are wrong answers longer?",
)

# %% [markdown]
# The same, question by question: above the line, the wrong answers to a question are longer than
# its right ones.

# %%
dots = pl.concat(means)
both = dots.select("right", "wrong").to_numpy()
lowest, highest = both.min(), both.max()
domain = [0.9 * lowest, 1.1 * highest]
scale = alt.Scale(type="log", domain=domain, nice=False)
apart = alt.Axis(labelOverlap="greedy", labelSeparation=6)
line = alt.InlineData(values=[{"right": end, "wrong": end} for end in domain])
alt.layer(
    alt.Chart(line).mark_line(strokeDash=[6, 4], color="gray").encode(x="right:Q", y="wrong:Q"),
    alt.Chart()
    .mark_circle(size=45, opacity=0.8)
    .encode(
        x=alt.X("right:Q", scale=scale, axis=apart, title="Mean of right answers (tokens)"),
        y=alt.Y("wrong:Q", scale=scale, axis=apart, title="Mean of wrong answers (tokens)"),
        color=alt.Color(
            "share:Q", scale=alt.Scale(scheme="viridis", domain=[0, 100]), title="Right (%)"
        ),
    ),
    data=alt.InlineData(values=dots.to_dicts()),
).properties(width=240, height=240).facet(
    alt.Facet("trace:N", title=None, sort=list(samples)),
    columns=3,
    title="A dot is a question that has right and wrong answers",
)

# %% [markdown]
# ## Does entropy tell right from wrong?
#
# Looked at when a sample is so many tokens old, whatever its length will be: 0.5, 1 and 1.5 times
# the median sample of its trace. Only samples that still run then are compared: of the others
# the end is known. What counts is whether a sample *will end right*; no answer is not right.
#
# The measure is the AUC: how often, of a sample that will end right and one that won't, the right
# one looks better (calmer, or more confident). 0.5 is a coin. Pooled pairs reward a signal
# for knowing hard questions; pairs within a question don't.

# %%
AGES = [0.5, 1.0, 1.5]  # median samples
SIGNALS = {"mean_entropy": -1.0, "tail_entropy": -1.0, "confidence": 1.0}  # which way is better


def signals_at(trace, age_tokens):
    """Return what was last logged of each sample by an age, and its last probe's answer."""
    answer = pl.col("answer").filter("probed").last()
    return (
        trace.checkpoints.filter(pl.col("tokens") <= age_tokens)
        .group_by(KEY)
        .agg(*(pl.col(name).drop_nulls().last() for name in SIGNALS), probe=answer)
    )


unit = {name: float(rows["tokens"].median()) for name, rows in samples.items()}
found = []
for name, rows in samples.items():
    for age in AGES:
        running = rows.filter(pl.col("tokens") > age * unit[name])
        seen = running.join(signals_at(traces[name], age * unit[name]), on=KEY, suffix="_then")
        for signal, sign in SIGNALS.items():
            column = signal if signal == "confidence" else f"{signal}_then"
            known = seen.filter(pl.col(column).is_not_null())
            auc = separation(
                drawn[name], known["question"], known["right"], sign * known[column].to_numpy()
            )
            for way, estimate in zip(COMPARED, (auc.pooled, auc.within), strict=True):
                if np.isfinite(estimate.mean):
                    found.append((name, age, signal, way, len(known), estimate.interval()))

print("AUC, will it end right?")
for name, age, signal, way, count, auc in found:
    print(f"    {name}, {age} units, {signal}, {way}: {cell_of(auc, 1, 2)}, {count:,} samples")

# %%
records = [
    {"trace": name, "age": age, "signal": signal.replace("_", " "), "compared": way, **ends_of(auc)}
    for name, age, signal, way, _, auc in found
]
colours, shapes = drawn_as([signal.replace("_", " ") for signal in SIGNALS])
base = alt.Chart().encode(
    x=alt.X("age:O", title="Age (median samples)", axis=alt.Axis(labelAngle=0, format=".1f")),
    xOffset=alt.XOffset("signal:N"),
    color=alt.Color("signal:N", title="signal", **colours),
)
picture = (
    alt.layer(
        alt.Chart().mark_rule(strokeDash=[6, 4], color="gray").encode(y=alt.datum(0.5)),
        base.mark_rule(strokeWidth=2).encode(
            y=alt.Y("low:Q", title="AUC (0.5 is a coin)", scale=alt.Scale(zero=False)), y2="high:Q"
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            y="mean:Q", shape=alt.Shape("signal:N", title="signal", **shapes)
        ),
        data=alt.InlineData(values=records),
    )
    .properties(width=240, height=170)
    .facet(
        row=alt.Row(
            "trace:N",
            title=None,
            sort=list(samples),
            header=alt.Header(labelOrient="top", labelAnchor="start"),
        ),
        column=alt.Column("compared:N", title=None),
        title="Will a running sample end right?",
    )
)
picture if records else "No entropies were logged."

# %% [markdown]
# ## Does agreement?
#
# Sixteen samples of a question run together. At the same three ages, whoever has ended votes with
# its answer, and who still runs with its last probe's, where the trace has probes. Is the leader
# right, and does the share of votes that it has say so? Questions with fewer than three votes
# have no leader yet; each of the others counts once, so the picture's intervals are Wilson's.
# Beside it stands what the samples' calm (minus their mean tail entropy at that moment) says of
# the same leaders.

# %%
VOTERS, FEWEST_VOTES = 16, 3
BINS = [0.0, 0.25, 0.5, 0.75, 1.0]  # of agreement; the last is "all agree"


def leaders_at(trace, rows, age_tokens):
    """Return each question's leader at an age: agreement, calm, and whether it is right."""
    seen = rows.filter(pl.int_range(pl.len()).over("question") < VOTERS).join(
        signals_at(trace, age_tokens), on=KEY, how="left", suffix="_then"
    )
    ended = pl.col("tokens") <= age_tokens
    seen = seen.with_columns(
        vote=pl.when(ended).then("answer").otherwise("probe"),
        at=pl.when(ended).then("tokens"),
        entropy=pl.when(ended).then("tail_entropy").otherwise("tail_entropy_then"),
    )
    calm = seen.group_by("question").agg(calm=-pl.col("entropy").mean())
    return (
        seen.filter(pl.col("vote").is_not_null())
        .group_by("question", "vote")
        .agg(votes=pl.len(), at=pl.col("at").min(), gold=pl.col("gold").first())
        .sort(
            "question",
            "votes",
            "at",
            "vote",
            descending=[False, True, False, False],
            nulls_last=True,
        )
        .group_by("question", maintain_order=True)
        .agg(
            cast=pl.col("votes").sum(),
            agreement=pl.col("votes").first() / pl.col("votes").sum(),
            right=pl.col("vote").first() == pl.col("gold").first(),
        )
        .filter(pl.col("cast") >= FEWEST_VOTES)
        .join(calm, on="question", maintain_order="left")
    )


def precision(weights, leaders):
    """Return how often leaders are right."""
    totals, counts = (np.zeros(weights.shape[1]) for _ in range(2))
    totals[leaders["question"]] = leaders["right"]
    counts[leaders["question"]] = 1.0
    return ratio(weights, totals, counts)


agreements, records = [], []
for name, rows in samples.items():
    for age in AGES:
        leaders = leaders_at(traces[name], rows, age * unit[name])
        if not 0 < leaders["right"].sum() < len(leaders):
            continue  # nothing to tell apart
        told = leaders.filter(pl.col("calm").is_not_null())
        told = told if len(told) else leaders  # no entropies: only agreement has a figure
        aucs = [
            separation(drawn[name], told["question"], told["right"], told[column]).pooled
            for column in ("agreement", "calm")
            if told[column].null_count() == 0
        ]
        high = leaders["agreement"] >= BINS[-2]
        parts = [precision(drawn[name], leaders.filter(part)) for part in (high, ~high)]
        agreements.append((name, age, (int(high.sum()), int((~high).sum())), aucs, parts))
        for low, top in zip(BINS, [*BINS[1:], np.inf], strict=True):
            some = leaders.filter(pl.col("agreement") >= low, pl.col("agreement") < top)
            if len(some):
                right = binomtest(int(some["right"].sum()), len(some))
                ends = right.proportion_ci(method="wilson")
                label = "all" if low == 1.0 else f"{100 * low:.0f}–{100 * top:.0f}"
                mean = 100.0 * right.statistic
                low_end, high_end = 100.0 * ends.low, 100.0 * ends.high
                records.append(
                    {"trace": name, "age": f"{age}", "bin": label}
                    | {"mean": mean, "low": low_end, "high": high_end}
                )

for name, age, counts, aucs, _ in agreements:
    figures = [cell_of(auc.interval(), 1, 2) for auc in aucs]
    calm = f", of calm {figures[1]}" if len(figures) > 1 else ", no entropies"
    print(
        f"{name}, {age} units, {sum(counts)} questions with a leader: "
        f"AUC of agreement {figures[0]}{calm}"
    )

# %%
colours, shapes = drawn_as([f"{age}" for age in AGES])
order = [f"{100 * low:.0f}–{100 * top:.0f}" for low, top in pairwise(BINS)]
base = alt.Chart().encode(
    x=alt.X(
        "bin:O",
        sort=[*order, "all"],
        title="Share of votes that the leader has (%)",
        axis=alt.Axis(labelAngle=0),
    ),
    xOffset=alt.XOffset("age:N"),
    color=alt.Color("age:N", title="age (median samples)", **colours),
)
alt.layer(
    base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", title="Leader is right (% of questions)"), y2="high:Q"
    ),
    base.mark_point(filled=True, size=70, opacity=1).encode(
        y="mean:Q",
        shape=alt.Shape("age:N", title="age (median samples)", **shapes),
    ),
    data=alt.InlineData(values=records),
).properties(width=WIDTH, height=200).facet(
    alt.Facet("trace:N", title=None, sort=list(samples)),
    columns=1,
    title="How right is a leader, by agreement?",
)

# %% [markdown]
# ## The answers
#
# Each sentence is chosen by an interval: where it holds the point of no difference, nothing is
# claimed.

# %%
LONGER = {1: "longer", 0: "not measurably longer or shorter", -1: "shorter"}
OFTEN = {
    1: "longer more often than not",
    0: "not measurably longer more or less often",
    -1: "longer less often than not",
}
TELLS = {1: "tells", 0: "does not measurably tell", -1: "misleads: it tells the wrong way"}

for name in samples:
    print(name)
    for way, (difference, chance) in lengths[name].items():
        interval, longer = difference.interval(), chance.interval()
        print(
            f"  Wrong answers are {LONGER[interval.side()]}, {way}: "
            f"{cell_of(interval, 1, 0, signed=True)} tokens in the mean. Of a right and a wrong "
            f"one the wrong is {OFTEN[longer.side(0.5)]}: {cell_of(longer, 100, 1)} %."
        )
    pooled, within = (difference for difference, _ in lengths[name].values())
    rest = pooled.minus(within).interval()
    if rest.side() == 1:
        print(
            f"  {cell_of(rest, 1, 0)} tokens of the pooled difference are difficulty: a rule that "
            "stops long samples of one question cannot use them."
        )
    for signal in SIGNALS:
        inside = [one for one in found if (one[0], one[2], one[3]) == (name, signal, COMPARED[1])]
        if inside:
            best = max(inside, key=lambda one: one[-1].mean)
            print(
                f"  Within a question, {signal} {TELLS[best[-1].side(0.5)]} which running sample "
                f"will end right: AUC {cell_of(best[-1], 1, 2)} at {best[1]} units, its best age "
                f"of {len(inside)}."
            )
    last = [one for one in agreements if one[0] == name][-1:]
    for _, age, counts, aucs, (high, low) in last:
        print(
            f"  At {age} units, the {counts[0]} leaders with at least three quarters of the votes "
            f"are right {cell_of(high.interval(), 100, 0)} % of the time, the {counts[1]} others "
            f"{cell_of(low.interval(), 100, 0)} %: "
            f"{cell_of(high.minus(low).interval(), 100, 0, signed=True)} points."
        )
        if len(aucs) > 1:
            apart = aucs[0].minus(aucs[1]).interval()
            better = {1: "Agreement tells", -1: "Calm tells", 0: "Neither measurably tells"}
            print(
                f"  {better[apart.side()]} right leaders from wrong ones better than the other: "
                f"{cell_of(apart, 1, 2, signed=True)} of AUC for agreement."
            )

sides = {one.interval().side() for found_ in lengths.values() for one in [found_[COMPARED[1]][0]]}
if len(sides) == 1:
    side = LONGER[sides.pop()]
    print(f"On all {len(samples)} traces, in the mean within a question, wrong ones are {side}.")
else:
    print("Within a question the traces differ: do not carry one's answer to another.")
