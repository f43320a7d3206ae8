"""Words that reports and stories share."""

from __future__ import annotations

from scheduler import Reason

TIMES = "\u00a0×\u00a0"
"""Between a thing and how often it came; no line breaks there."""

SINCE = {
    Reason.ANSWERED: "the question had its answer",
    Reason.HARD_DEADLINE: "the question might not cost more",
    Reason.NO_TIME: "no time was left for it",
    Reason.POLICY_FAILED: "the policy had failed",
    Reason.IDLE: "nothing ran and nothing was to be started",
    Reason.CRASHED: "the process had died",
    Reason.WIDEN: "the vote was open and there was room",
    Reason.REPLACE: "another sample had ended",
    Reason.SETTLED: "no running sample could overturn the leader",
    Reason.LEAD: "the leader was ahead by the margin that the rule asks for",
    Reason.AGREEMENT: "as many answers agreed as the rule asks for",
    Reason.CONFIDENT: "the leader was likely enough to stay ahead",
    Reason.CAP: "all samples that the rule allows had ended",
    Reason.SOFT_DEADLINE: "the time that the rule gives was over",
    Reason.TOO_LONG: "it had grown past the length at which the rule gives up",
    Reason.FORCE: "no time was left to let it finish",
    Reason.STABLE: "the majority had not changed for as long as the rule asks",
    Reason.ENOUGH: "so many samples had ended that the rule does not wait for the rest",
    Reason.ROUND: "the rule asks at regular intervals",
    Reason.DISSENT: "it had differed from the leader for as long as the rule bears",
    Reason.UNSURE: "its confidence had fallen below what the rule asks for",
    Reason.PRICE: "more samples would have brought less than their seconds are worth elsewhere",
    Reason.NO_ATTEMPT: "the rule does not try",
}
"""Reasons, as they complete "…, since ___"."""
