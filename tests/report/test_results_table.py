"""The terminal's tables show what the results hold, in words that a reader can act on."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from simulations.results import Interval
from simulations.results_table import grids, legend, pieces, results_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.results import PolicyResult, Results


def shown(results: Results, width: int = 100) -> str:
    """Return what a terminal of so many columns shows."""
    console = Console(width=width, file=StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(results_table(results))
    return capture.get()


def test_every_policy_is_named(results_of: Callable[..., Results]) -> None:
    """A long name may be broken over lines, but no piece of it is lost."""
    results = results_of()
    text = shown(results)
    for policy in results.policies:
        assert all(piece in text for piece in pieces(policy.policy))


def test_figures_stand_with_their_intervals(results_of: Callable[..., Results]) -> None:
    """Accuracy is in percent, tokens in thousands, seconds as they are, counts whole."""
    text = shown(results_of())
    for figure in ("74.2", "71.4…77.3", "91.3", "85.8…97.3", "301.4", "286.3…318.0", "1,204"):
        assert figure in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_nothing_collapses(results_of: Callable[..., Results], width: int) -> None:
    """No line is wider than the terminal, no figure is cut, and names break where they may."""
    results = results_of(models=("a", "b"))
    lines = shown(results, width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any(re.search(r"…(\s|$)", line) for line in lines)
    for policy in results.policies:
        for piece in pieces(policy.policy):
            assert any(piece in line for line in lines)


def test_columns_without_room_go_below(results_of: Callable[..., Results]) -> None:
    """Eighty columns show the policies twice, a hundred once, each time with all figures."""
    narrow, wide = shown(results_of(), 80), shown(results_of(), 100)
    assert narrow.count("cut_tokens=20000") == wide.count("cut_tokens=20000") + 1
    for figure in ("71.4…77.3", "286.3…318.0", "1,204", "−0.9…1.4", "9.8…14.2"):
        assert figure in narrow
        assert figure in wide


def test_an_endless_name_leaves_room_for_figures(
    results_of: Callable[..., Results], result_of: Callable[..., PolicyResult]
) -> None:
    """A name that has no place to break takes half the width at most."""
    text = shown(results_of([result_of("x" * 300)]), 80)
    assert "67.2…73.1" in text
    assert text.count("x" * 40) >= 7
    assert "x" * 41 not in text


def test_differences_carry_signs_and_units(results_of: Callable[..., Results]) -> None:
    """Accuracy differs by points, tokens by thousands and by percent, time by seconds."""
    _, paired = grids(results_of())
    assert paired.title == "Differences from self-consistency:width=64, question by question"
    assert [cell.value for cell in paired.rows[0].cells] == ["−0.4", "−52.4", "−57.4", "−158.2"]
    assert [row.place for row in paired.rows] == [1, 2, 3, 4, 5]


def test_nothing_is_no_measure_for_tokens(
    results_of: Callable[..., Results], result_of: Callable[..., PolicyResult]
) -> None:
    """Against a baseline that spends no token, a share of tokens has no meaning."""
    _, paired = grids(results_of([result_of("null", tokens=0.0), result_of("share")]))
    assert paired.rows[0].cells[2].value == "–"


def test_zero_has_no_minus(
    results_of: Callable[..., Results], result_of: Callable[..., PolicyResult]
) -> None:
    """A figure that rounds to zero from below is written as zero."""
    result = result_of("share")
    tiny = Interval(-0.00001, -0.00001, -0.00001)
    regret = type(result.regret)(pool_majority=tiny, best_stopping=tiny)
    fields = {name: getattr(result, name) for name in result.__struct_fields__}
    (grid,) = grids(results_of([type(result)(**{**fields, "regret": regret})]))
    assert (grid.rows[0].cells[6].value, grid.rows[0].cells[6].interval) == ("0.0", "0.0…0.0")


def test_one_policy_is_compared_with_nothing(
    results_of: Callable[..., Results], result_of: Callable[..., PolicyResult]
) -> None:
    """A single policy gives a single table."""
    assert "Differences" not in shown(results_of([result_of("share")]))


def test_models_are_shown_apart_when_there_are_several(
    results_of: Callable[..., Results],
) -> None:
    """One model needs no table of its own; two have one each."""
    assert "Model" not in shown(results_of())
    text = shown(results_of(models=("first-model", "second-model")))
    assert "Model first-model" in text
    assert "Model second-model" in text


def test_bounds_settings_and_digests_follow(results_of: Callable[..., Results]) -> None:
    """A reader can tell what was replayed, and whether it is what they have."""
    results = results_of()
    text = shown(results)
    for words in ("74.4 % (71.4…77.7)", "86.1 %", "18,000 s a stream", "order random", "seed 7"):
        assert words in text
    for digest in (results.settings.profile_digest, results.traces[0].digest):
        assert digest[:12] in text
        assert digest[:13] not in text
    assert "no limit" in shown(results_of(total_s=None))


def test_counts_say_what_they_are_out_of(results_of: Callable[..., Results]) -> None:
    """Streams count once for each model."""
    assert "of 200." in legend(results_of())
    assert "of 400." in legend(results_of(models=("a", "b")))


def test_a_name_is_text_and_no_markup(
    results_of: Callable[..., Results], result_of: Callable[..., PolicyResult]
) -> None:
    """Square brackets in a policy's name reach the reader."""
    assert "[red]share[/red]" in shown(results_of([result_of("[red]share[/red]")]))
