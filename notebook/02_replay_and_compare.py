# %% [markdown]
# # 2. Replay and compare policies
#
# **Which policy makes the most of the time, and does the answer depend on how much time there
# is?** Logged samples are replayed on a clock that charges for sharing the engine, for stopping
# and for probing. All policies meet the same questions, in the same order, with the same samples:
# differences are paired, and far surer than the accuracies themselves.
#
# All intervals are 95 %, from a bootstrap over questions.

# %%
import altair as alt
from joblib import cpu_count

from policies.pricing import read_parameters
from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.replay import replay
from simulations.report.look import colour_of, shape_of
from simulations.results_table import cell_of
from simulations.settings import Wish
from simulations.traces import read_trace

alt.renderers.enable("svg")  # pictures that need no network
TRACES = [default_traces()]  # folders; yours: [Path("traces/mine"), …]
PROFILE = DEFAULT_PROFILE  # of your engine: "profile.json"
POLICIES = [  # the first is the baseline
    "share",
    "clamp",
    "lead:width=8,cap=16",
    "self-consistency:k=8",
    "shadow-price:parameters=transfer",  # fitted to other models; to yours: notebook 3
]
PER_QUESTION_S = [1.0, 2.0, 4.0]
STREAMS = 40  # more make the luck of the draws smaller, not the set of questions larger

traces = [read_trace(path) for path in TRACES]
results = {
    seconds: replay(
        traces,
        POLICIES,
        read_profile(PROFILE),
        Wish(per_question_s=seconds, streams=STREAMS),
        jobs=cpu_count(),
    )
    for seconds in PER_QUESTION_S
}

# %% [markdown]
# ## What each policy reaches
#
# The limit is one total for a whole stream, so many seconds a question *on average*: a policy may
# spend more on one question and less on the next. The rules are the bounds: the vote of all logged
# samples, and the best stopping in hindsight.

# %%
for seconds, result in results.items():
    settings = result.settings
    print(f"{seconds:g} s a question, {settings.questions} questions, {settings.streams} streams")
    for policy in result.policies:
        print(
            f"    {policy.policy:32} {cell_of(policy.accuracy, 100, 1)} % right, "
            f"{cell_of(policy.tokens_per_question, 1e-3, 2)} thousand tokens and "
            f"{cell_of(policy.seconds_per_question, 1, 2)} s a question"
        )

# %%
places = range(1, 1 + len(POLICIES))
key = {"domain": POLICIES, "range": [colour_of(place) for place in places]}
shapes = {"domain": POLICIES, "range": [shape_of(place) for place in places]}


def ends_of(interval, scale):
    """Return an interval as fields of a record."""
    return {end: scale * getattr(interval, end) for end in ("mean", "low", "high")}


records = [
    {"limit": f"{seconds:g}", "policy": policy.policy, **ends_of(policy.accuracy, 100.0)}
    for seconds, result in results.items()
    for policy in result.policies
]
bounds = [
    {"bound": name, "accuracy": 100.0 * getattr(results[PER_QUESTION_S[-1]].bounds, field).mean}
    for name, field in (("all samples' vote", "pool_majority"), ("best stopping", "best_stopping"))
]
rules = alt.Chart(alt.InlineData(values=bounds)).encode(y="accuracy:Q")
base = alt.Chart(alt.InlineData(values=records)).encode(
    x=alt.X("limit:O", title="Limit (seconds a question)", axis=alt.Axis(labelAngle=0), sort=None),
    xOffset=alt.XOffset("policy:N", sort=POLICIES),
    color=alt.Color("policy:N", scale=alt.Scale(**key), sort=POLICIES),
)
alt.layer(
    rules.mark_rule(strokeDash=[6, 4], color="gray"),
    rules.mark_text(align="left", dy=-6, color="gray").encode(x=alt.value(4), text="bound:N"),
    base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", title="Right answers (%)", scale=alt.Scale(domainMin=0)), y2="high:Q"
    ),
    base.mark_point(filled=True, size=80, opacity=1).encode(
        y="mean:Q", shape=alt.Shape("policy:N", scale=alt.Scale(**shapes), sort=POLICIES)
    ),
).properties(width=460, height=300, title="What a time limit buys")

# %% [markdown]
# The bars overlap, but most of their width is the questions' doing, which all policies share. So
# compare them question by question:

# %%
records = [
    {"limit": f"{seconds:g} s a question", "policy": pair.policy, **ends_of(pair.accuracy, 100.0)}
    for seconds, result in results.items()
    for pair in result.paired
]
base = alt.Chart().encode(
    y=alt.Y("policy:N", title=None, sort=POLICIES),
    color=alt.Color("policy:N", scale=alt.Scale(**key), legend=None),
)
flat = alt.Axis(labelFlush=False)
less = f"Right answers less those of {POLICIES[0]} (points)"
alt.layer(
    alt.Chart().mark_rule(strokeDash=[6, 4], color="gray").encode(x=alt.datum(0)),
    base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=less, axis=flat), x2="high:Q"),
    base.mark_point(filled=True, size=80, opacity=1).encode(
        x="mean:Q", shape=alt.Shape("policy:N", scale=alt.Scale(**shapes), legend=None)
    ),
    data=alt.InlineData(values=records),
).properties(width=420, height=25 * len(POLICIES)).facet(
    alt.Facet("limit:N", title=None, sort=None), columns=1, title="Paired differences"
)

# %% [markdown]
# ## Where the time went
#
# Rules that know no clock spend the stream on its first questions, and the last ones get nothing.

# %%
SHOWN = PER_QUESTION_S[len(PER_QUESTION_S) // 2]
records = [
    {"place": place, "policy": policy.policy, "elapsed": elapsed}
    for policy in results[SHOWN].policies
    for place, elapsed in enumerate([0.0, *policy.burn_down.elapsed_s])
]
total_s = results[SHOWN].settings.total_s
alt.layer(
    alt.Chart(alt.InlineData(values=[{"total": total_s}]))
    .mark_rule(strokeDash=[6, 4], color="gray")
    .encode(y="total:Q"),
    alt.Chart(alt.InlineData(values=records))
    .mark_line()
    .encode(
        x=alt.X("place:Q", title="Questions answered"),
        y=alt.Y("elapsed:Q", title="Elapsed, mean over streams (s)"),
        color=alt.Color("policy:N", scale=alt.Scale(**key), sort=POLICIES),
        strokeDash=alt.StrokeDash("policy:N", scale=alt.Scale(domain=POLICIES), sort=POLICIES),
    ),
).properties(width=460, height=260, title=f"A stream of {total_s:g} s")

# %% [markdown]
# ## The answer
#
# A difference counts where its interval leaves out zero. With many policies and limits some will
# by luck: one in twenty where nothing is to be found.

# %%
sides = {policy: set() for policy in POLICIES[1:]}
for seconds, result in results.items():
    by_side = {1: [], 0: [], -1: []}
    for pair in result.paired:
        shown = cell_of(pair.accuracy, 100, 1, signed=True)
        by_side[pair.accuracy.side()].append(f"{pair.policy} {shown}")
        sides[pair.policy].add(pair.accuracy.side())
    print(f"{seconds:g} s a question, points of right answers against {POLICIES[0]}:")
    for side, word in ((1, "better"), (0, "not distinguishable"), (-1, "worse")):
        print(f"    {word}: {'; '.join(by_side[side]) or 'none'}")
    most = max(result.policies, key=lambda policy: policy.accuracy.mean).policy
    late = sum(policy.overruns + policy.unanswered for policy in result.policies)
    print(f"    most right answers, be it by luck: {most}; overruns and missed deadlines: {late}")
if {trace.digest for trace in traces} & set(read_parameters("transfer").traces):
    print("shadow-price's parameters were fitted to these very questions: its figures flatter.")
changing = [policy for policy, found in sides.items() if len(found) > 1]
if changing:
    print(f"How these stand to {POLICIES[0]} depends on the limit: {'; '.join(changing)}.")
    print("Choose with your limit, on your traces.")
else:
    print(f"All stand to {POLICIES[0]} alike at every limit that was tried.")

# %% [markdown]
# The same from the command line, with a report; and grids of settings, which go on after a kill
# and are compared at equal accuracy too ([docs/replay.md](../docs/replay.md)):
#
# ```sh
# python simulations/replay.py --policy share --policy clamp --per-question-s 2 --html report.html
# python simulations/replay.py --sweep docs/sweeps/bundled.toml
# python -m simulations.compare docs/sweeps/bundled.parquet --html compare.html
# ```
