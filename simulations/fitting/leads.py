"""Rules of a lead: what each costs and brings on the same runs, and which are worth having."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from policies.evidence import MARGIN, MARGIN_SCALE
from policies.pricing import LeadRule
from simulations.fitting.values import weights_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from simulations.fitting.stopping import Runs

LEADS = (2, 3, 4, 5)
CAP_SHARES = (0.25, 0.375, 0.5, 0.75, 1.0)


def lead_rules(width: int, cap: int, runs: Runs, questions: Collection[str]) -> list[LeadRule]:
    """Return the rules of a lead that no other of them beats in accuracy and cost.

    A rule with a smaller cap than was recorded is taken to end when so many samples have ended;
    it is charged for those that would not have been started beside the last ones.

    Args:
        width: Samples at once.
        cap: Samples in all of the recorded runs.
        runs: Of this width; each model weighs the same.
        questions: Which to look at.
    """
    some = runs.where(np.isin(runs.question, list(questions)))
    weight = weights_of(some.model.tolist())
    margin = some.features[:, :, MARGIN] * MARGIN_SCALE
    found = []
    for lead in LEADS:
        for share in CAP_SHARES:
            most = max(width, round(share * cap))
            right, units, _ = some.stopped_where((margin > lead - 0.5) | (some.ended >= most))
            found.append(
                LeadRule(
                    width=width,
                    lead=lead,
                    cap=most,
                    units=float(weight @ units),
                    accuracy=float(weight @ right),
                )
            )
    found.sort(key=lambda rule: (rule.units, -rule.accuracy))
    front: list[LeadRule] = []
    for rule in found:
        if not front or rule.accuracy > front[-1].accuracy:
            front.append(rule)
    return front
