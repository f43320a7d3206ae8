"""The pictures of the documentation show what the program does today."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"


def script(name: str) -> Any:  # noqa: ANN401 - a module that is no part of a package
    """Load a script that draws."""
    spec = spec_from_file_location(f"drawing_{name}", PICTURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_live_view_in_the_docs_is_what_a_terminal_shows() -> None:
    """Byte for byte: the stream is played on virtual time."""
    drawing = script("live_view")
    assert drawing.play(drawing.look) == (PICTURES / "live-view.svg").read_text()


def test_the_readmes_picture_comes_from_its_own_command(tmp_path: Path) -> None:
    """Two streams suffice to draw each policy with its accuracy, and both bounds."""
    out = tmp_path / "results.json"
    words = [sys.executable, "simulations/replay.py", "--streams", "2", "--json", str(out)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    drawing = script("accuracy")
    results = drawing.decode_results(out.read_bytes())
    drawn = drawing.draw(results)
    assert len(results.policies) == 6
    for one in results.policies:
        assert f"{one.policy}  {100.0 * one.accuracy.mean:.1f} %" in drawn
    for bound in ("majority of all samples", "best stopping"):
        assert bound in drawn
    kept = (PICTURES / "accuracy.svg").read_text()
    for one in results.policies:
        assert one.policy in kept
