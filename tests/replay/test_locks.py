"""Figures of the bundled traces that change only on purpose.

After a deliberate change run this file as a script: it writes `locked.json` anew. Say in the
commit why the figures moved.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from policies import POLICIES
from simulations.replay import main

LOCKED = Path(__file__).with_name("locked.json")
ARGUMENTS = ["--streams", "6", "--questions", "20", "--per-question-s", "1.5", "--jobs", "1"]


def replay() -> dict[str, dict[str, Any]]:
    """Replay every policy at its defaults; return its figures by name."""
    policies = [part for name in sorted(POLICIES) for part in ("--policy", name)]
    with TemporaryDirectory() as folder:
        target = Path(folder) / "results.json"
        assert main([*ARGUMENTS, *policies, "--json", str(target)]) == 0
        found = json.loads(target.read_bytes())
    return {
        one["policy"]: {
            "accuracy": one["accuracy"]["mean"],
            "tokens": one["tokens_per_question"]["mean"],
            "seconds": one["seconds_per_question"]["mean"],
            "reasons": one["reasons"],
            "exhausted": one["exhausted"],
        }
        for one in found["policies"]
    }


def test_replayed_figures_are_as_they_were() -> None:
    """Every policy scores, costs and ends on the bundled traces exactly as when it was locked."""
    locked = json.loads(LOCKED.read_text())
    found = replay()
    assert found.keys() == locked.keys()
    for policy, figures in locked.items():
        assert found[policy].pop("reasons") == figures.pop("reasons"), policy
        assert found[policy] == pytest.approx(figures, rel=1e-9), policy


if __name__ == "__main__":
    LOCKED.write_text(json.dumps(replay(), indent=1) + "\n")
    sys.stderr.write(f"wrote {LOCKED.name}\n")
