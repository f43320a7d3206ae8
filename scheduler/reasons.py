"""Why the core or a policy did something: every action and every closed question carries one."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons for an action.

    When several end a question at once, the order of the first group decides.
    """

    # Said by the core, in the order in which it looks.
    ANSWERED = "answered"
    """A running sample is stopped since the question has its answer."""
    HARD_DEADLINE = "hard-deadline"
    """The question may not cost more: the leader is submitted, or nothing."""
    NO_TIME = "no-time"
    """The question came when no time was left for it."""
    POLICY_FAILED = "policy-failed"
    """The policy raised earlier; the core ended the question with what there was."""
    IDLE = "idle"
    """Nothing runs and the policy starts nothing: waiting could not change the answer."""
    CRASHED = "crashed"
    """The process died while the question was open."""

    # Said by policies.
    WIDEN = "widen"
    """A sample is started because the allowance has room and the vote is open."""
    REPLACE = "replace"
    """A sample is started in the place of one that ended."""
    SETTLED = "settled"
    """No running sample can overturn the leader any more."""
    LEAD = "lead"
    """The leader is ahead by the margin that the rule asks for."""
    AGREEMENT = "agreement"
    """As many equal answers as the rule asks for."""
    CONFIDENT = "confident"
    """The leader's estimated probability of staying ahead is high enough."""
    CAP = "cap"
    """All the samples that the rule allows have ended."""
    SOFT_DEADLINE = "soft-deadline"
    """The time that the rule gives this question is over."""
    TOO_LONG = "too-long"
    """The sample has grown past the length at which the rule gives it up."""
    FORCE = "force"
    """A running sample is made to answer because no time is left."""
    STABLE = "stable"
    """The majority has not changed for as long as the rule asks for."""
    ENOUGH = "enough"
    """So many samples have ended that the rule does not wait for the rest."""
    ROUND = "round"
    """A running sample is asked for its answer so far, as at regular intervals."""
    DISSENT = "dissent"
    """The sample has differed from the leader for as long as the rule bears."""
    UNSURE = "unsure"
    """The sample's confidence has fallen below what the rule asks for."""
    PRICE = "price"
    """More samples would bring less accuracy than their seconds are worth elsewhere."""
    NO_ATTEMPT = "no-attempt"
    """The rule does not try."""
