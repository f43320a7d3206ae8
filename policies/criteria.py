"""Statistics of a vote that several rules use."""

from __future__ import annotations

from functools import lru_cache

from scipy.special import betainc


@lru_cache(maxsize=65536)
def beta_criterion(leader: float, runner_up: float) -> float:
    """Return the probability that the leader's share exceeds the runner-up's.

    1 − I_½(leader + 1, runner_up + 1), with I the regularised incomplete beta function, from a
    uniform prior (Aggarwal et al., EMNLP 2023, arXiv 2305.11860).

    Args:
        leader: Votes for the leading answer.
        runner_up: Votes for the next.
    """
    return float(1.0 - betainc(leader + 1.0, runner_up + 1.0, 0.5))
