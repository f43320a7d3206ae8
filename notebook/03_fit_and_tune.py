# %% [markdown]
# # 3. Fit and tune a policy on your traces
#
# **What are fitted parameters and tuned knobs worth on questions that they never saw?** Whatever
# is chosen for doing well on some questions does well on these: such figures flatter. So the
# questions are parted into folds, each fold is played by what was chosen on the *other* folds,
# and only that is believed. Both figures are shown here, to see how far apart they lie.
#
# The numbers below are small, so that the notebook ends in minutes: for use take those beside
# them. All intervals are 95 %, from a bootstrap over questions. Tuning and fitting need the extra
# `fit`: `pip install 'adaptive-compute-scheduler[fit]'`.

# %%
from pathlib import Path

import altair as alt
import msgspec
from joblib import cpu_count

from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.fit import main as fit
from simulations.replay import replay
from simulations.report.look import colour_of, shape_of
from simulations.results import Interval
from simulations.results_table import cell_of, number_of
from simulations.settings import Wish
from simulations.traces import read_trace
from simulations.tune import main as tune
from simulations.tuning.results import TuneResults

alt.renderers.enable("svg")  # pictures that need no network
TRACES = [default_traces()]  # folders; yours: [Path("traces/mine"), …]
PROFILE = DEFAULT_PROFILE  # of your engine: "profile.json"
PER_QUESTION_S = 2.0
BASELINE = "share"
FOLDS = 3  # 5
DRAWS, WIDTHS = 1, [8]  # of the fit; 20 and [1, 2, 4, 8, 16] take an hour
TUNED, TRIALS = "share", 5  # 100
STREAMS = 16  # 200

given = [*map(str, TRACES), "--profile", PROFILE, "--folds", str(FOLDS)]


def negative(difference):
    """Return a difference the other way round."""
    return Interval(-difference.mean, -difference.high, -difference.low)


# %% [markdown]
# ## Fit the shadow price
#
# When to stop, and what a second is worth, learnt from every question. `mine.json` is for use.
# `crossed.json` holds the same rules learnt without each fold, and a question of the fold is
# played by them: its replay is a held-out one.
#
# The table is cross-fitted too: what a question's seconds buy, with so many samples at once.

# %%
widths = [option for width in WIDTHS for option in ("--width", str(width))]
settings = ["--draws", str(DRAWS), *widths, "--out", "mine.json", "--crossed", "crossed.json"]
_ = fit([*given, *settings])

# %%
HELD_OUT, SEEN = "shadow-price:parameters=crossed.json", "shadow-price:parameters=mine.json"
fitted = replay(
    [read_trace(path) for path in TRACES],
    [HELD_OUT, BASELINE, SEEN],
    read_profile(PROFILE),
    Wish(per_question_s=PER_QUESTION_S, streams=STREAMS),
    jobs=cpu_count(),
)
less_held_out = {pair.policy: pair.accuracy for pair in fitted.paired}
for policy in fitted.policies:
    print(
        f"{policy.policy:40} {cell_of(policy.accuracy, 100, 1)} % right, "
        f"{cell_of(policy.tokens_per_question, 1e-3, 2)} thousand tokens a question"
    )

# %% [markdown]
# ## Tune a policy's knobs
#
# Any policy has knobs. A study for each fold looks for the best values on the other folds, and one
# study on all questions finds what to use. The last table is the held-out one.

# %%
settings = ["--policy", TUNED, "--trials", str(TRIALS), "--streams", str(STREAMS)]
files = ["--out", "tuned.json", "--json", "tuning.json", "--storage", "tuning.db"]
limit = ["--per-question-s", str(PER_QUESTION_S)]
_ = tune([*given, *settings, *limit, "--baseline", BASELINE, *files])

# %%
tuned = msgspec.json.decode(Path("tuning.json").read_bytes(), type=TuneResults)
found = tuned.comparison.policies[1].accuracy  # after the baseline
(gain,) = (pair.accuracy for pair in tuned.comparison.paired)
folds = tuned.tuning.folds
seen = sum(fold.score.accuracy for fold in folds) / len(folds)
print(f"tuned {TUNED} on the questions that it was tuned on: {number_of(100 * seen, 1)} % right")
print(f"tuned {TUNED} on questions that it never saw: {cell_of(found, 100, 1)} %")

# %% [markdown]
# ## What is gained on questions never seen

# %%
rows = [
    ("fitted shadow-price", negative(less_held_out[BASELINE])),
    (f"tuned {TUNED}", gain),
]
records = [
    {
        "policy": policy,
        "mean": 100 * difference.mean,
        "low": 100 * difference.low,
        "high": 100 * difference.high,
    }
    for policy, difference in rows
]
policies = [policy for policy, _ in rows]
colours = alt.Scale(domain=policies, range=[colour_of(1), colour_of(2)])
shapes = alt.Scale(domain=policies, range=[shape_of(1), shape_of(2)])
base = alt.Chart(alt.InlineData(values=records)).encode(
    y=alt.Y("policy:N", title=None, sort=policies),
    color=alt.Color("policy:N", scale=colours, legend=None),
)
less = f"Right answers less those of {BASELINE} (points)"
alt.layer(
    alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    .mark_rule(strokeDash=[6, 4], color="gray")
    .encode(x="zero:Q"),
    base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=less), x2="high:Q"),
    base.mark_point(filled=True, size=90, opacity=1).encode(
        x="mean:Q", shape=alt.Shape("policy:N", scale=shapes, legend=None)
    ),
).properties(width=420, height=80, title=f"Held out, at {PER_QUESTION_S:g} s a question")

# %% [markdown]
# ## The answer

# %%
WORDS = {1: "measurably better than", 0: "not distinguishable from", -1: "measurably worse than"}
OWN = {
    1: "measurably more, which is not to be believed",
    0: "no measurable difference",
    -1: "measurably less, so luck decides in so small a fit; give it more draws",
}
for name, difference in rows:
    print(
        f"Held out, {name} is {WORDS[difference.side()]} {BASELINE}: "
        f"{cell_of(difference, 100, 1, signed=True)} points of right answers."
    )
own = less_held_out[SEEN]
print(
    f"Fitted to the very questions that it plays it has {cell_of(own, 100, 1, signed=True)} points "
    f"against held out: {OWN[own.side()]}."
)
print(
    f"On the questions it was tuned on, tuned {TUNED} had "
    f"{number_of(100 * (seen - found.mean), 1, signed=True)} points against held out."
)
chosen = {str(sorted(fold.parameters.items())) for fold in folds}
if len(chosen) > 1:
    print(f"The {len(folds)} folds chose {len(chosen)} settings: so few questions decide little.")
print(f"To use: --policy shadow-price:parameters=mine.json, or --policy {tuned.text}")
