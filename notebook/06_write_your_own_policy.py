# %% [markdown]
# # 6. Write your own policy in thirty lines
#
# **Does a rule of your own keep what every policy owes, and is it better than those that ship?**
# A policy is one class with one decision. It sees a question as it is revealed and says what to
# start, stop or submit. The core keeps the clock: whatever the policy does, every question is
# answered in time.

# %%
import altair as alt

from policies import register
from scheduler import Allowance, Policy, Reason
from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.conformance import examine
from simulations.replay import replay
from simulations.report.look import colour_of, shape_of
from simulations.results_table import cell_of
from simulations.settings import Wish
from simulations.traces import read_trace

alt.renderers.enable("svg")  # pictures that need no network
TRACES = [default_traces()]  # folders; yours: [Path("traces/mine"), …]
PROFILE = DEFAULT_PROFILE  # of your engine: "profile.json"
PER_QUESTION_S = 2.0

# %% [markdown]
# ## The rule
#
# *Most of those heard*: start some samples at once, and stop as soon as the leader has enough
# votes and most of those that have been cast. The question's equal share of the time left is its
# soft deadline: then the leader goes in as it is. Only where nobody has voted yet may it take up
# to twice its share.


# %%
class MostHeard(Policy):
    """Stop once the leader has `least` votes and more than a part of all that were cast.

    Args:
        width: Samples at once.
        least: Votes that the leader needs.
        part: Part of the votes that it has to exceed.
    """

    def __init__(self, *, width: int = 8, least: int = 3, part: float = 0.5) -> None:
        self._width, self._least, self._part = width, least, part

    def request(self, view):
        """Ask for what the question may spend; the core trims it to what the stream can give."""
        share_s = view.grant.share_s
        return Allowance(soft_s=share_s, hard_s=2 * share_s, width=self._width, samples=self._width)

    def decide(self, view):
        """Decide whenever something was revealed."""
        if not view.started:
            return view.start(self._width, Reason.WIDEN)
        leading = view.tally.leader_weight
        votes = view.tally.finished - view.tally.nulls
        if leading >= self._least and leading > self._part * votes:
            return [view.submit(Reason.AGREEMENT, votes=votes, leader_weight=leading)]
        if not view.live:
            return [view.submit(Reason.CAP, votes=votes, leader_weight=leading)]
        if view.soft_left_s <= 0.0 and votes:
            return [view.submit(Reason.SOFT_DEADLINE, votes=votes, leader_weight=leading)]
        return []


register("most-heard", MostHeard)

# %% [markdown]
# ## Does it keep what every policy owes?
#
# `examine` plays it through the scenarios of the project's conformance suite, from endless to no
# time, with failing, silent and missing samples, and says what it breaks: a late or impossible
# answer, a step outside its own allowance, an exception, a decision that isn't the same twice.

# %%
broken = {name: faults for name, faults in examine(MostHeard).items() if faults}
print(f"most-heard breaks {len(broken)} scenarios", broken or "")

# %% [markdown]
# A rule that starts more than it asked for is found out. (In a stream the core refuses such a
# step and goes on.)


# %%
class Careless(MostHeard):
    """Asks for eight samples and starts nine."""

    def decide(self, view):
        """Start too many."""
        return super().decide(view) if view.started else view.start(9, Reason.WIDEN)


found = {name: faults for name, faults in examine(Careless).items() if faults}
print(f"Careless breaks {len(found)} scenarios, such as")
for name, faults in list(found.items())[:1]:
    print(f"    {name}: {faults[0]}")

# %% [markdown]
# ## Is it better?
#
# Replayed on logged samples beside rules that ship: the same questions, the same samples, the same
# clock. A policy that is registered here is known to this process alone, so one process plays.

# %%
POLICIES = ["share", "most-heard", "most-heard:least=2", "most-heard:width=16", "clamp", "gears"]
result = replay(
    [read_trace(path) for path in TRACES],
    POLICIES,
    read_profile(PROFILE),
    Wish(per_question_s=PER_QUESTION_S, streams=40),
    jobs=1,
)
for policy in result.policies:
    print(
        f"{policy.policy:20} {cell_of(policy.accuracy, 100, 1)} % right, "
        f"{cell_of(policy.tokens_per_question, 1e-3, 2)} thousand tokens a question, "
        f"overruns {policy.overruns}"
    )

# %%
OWN = "yours"
records = [
    {
        "policy": pair.policy,
        "whose": OWN if pair.policy.startswith("most-heard") else "shipped",
        "mean": 100 * pair.accuracy.mean,
        "low": 100 * pair.accuracy.low,
        "high": 100 * pair.accuracy.high,
    }
    for pair in result.paired
]
whose = [OWN, "shipped"]
colours = alt.Scale(domain=whose, range=[colour_of(2), colour_of(1)])
shapes = alt.Scale(domain=whose, range=[shape_of(2), shape_of(1)])
base = alt.Chart(alt.InlineData(values=records)).encode(
    y=alt.Y("policy:N", title=None, sort=POLICIES),
    color=alt.Color("whose:N", title=None, scale=colours),
)
flat = alt.Axis(labelFlush=False)
less = f"Right answers less those of {POLICIES[0]} (points)"
alt.layer(
    alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    .mark_rule(strokeDash=[6, 4], color="gray")
    .encode(x="zero:Q"),
    base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=less, axis=flat), x2="high:Q"),
    base.mark_point(filled=True, size=90, opacity=1).encode(
        x="mean:Q", shape=alt.Shape("whose:N", title=None, scale=shapes)
    ),
).properties(width=420, height=160, title=f"Paired differences at {PER_QUESTION_S:g} s a question")

# %% [markdown]
# ## The answer

# %%
WORDS = {1: "measurably better than", 0: "not distinguishable from", -1: "measurably worse than"}
kept = "keeps all that is asked of a policy" if not broken else f"breaks {', '.join(broken)}"
print(f"most-heard {kept}.")
for pair in result.paired:
    if pair.policy.startswith("most-heard"):
        print(
            f"{pair.policy} is {WORDS[pair.accuracy.side()]} {pair.baseline}: "
            f"{cell_of(pair.accuracy, 100, 1, signed=True)} points of right answers, "
            f"{cell_of(pair.tokens_per_question, 1e-3, 2, signed=True)} thousand tokens a question."
        )
print("Settings were tried on the questions they are judged on: notebook 3 shows how not to.")

# %% [markdown]
# It answers live questions too: `make_predict(engine, "most-heard", …)` in the same process takes
# it by its name ([notebook 4](04_kaggle_submission.ipynb)). To give it to everybody, follow
# [CONTRIBUTING](../CONTRIBUTING.md#a-policy-in-one-file).
