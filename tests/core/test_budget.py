"""The ledger: what it grants, what it charges, and that no second is lost."""

from __future__ import annotations

from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import Allowance, CallerError, Limit, QuestionsLeft, Reason, TimeBudget
from scheduler.allowance import trim


def spend(budget: TimeBudget, *spans: tuple[float, float]) -> None:
    """Open and close questions."""
    for number, (opened_s, closed_s) in enumerate(spans):
        budget.open(f"q{number}", opened_s)
        budget.close(closed_s, Reason.CAP)


def test_a_known_number_of_questions() -> None:
    """Questions left count down, and the share with them."""
    budget = TimeBudget(100.0, questions=4)
    grant = budget.open("a", 0.0)
    assert grant.questions_left == QuestionsLeft(4, 4, 4)
    assert (grant.share_s, grant.average_s, grant.hard_s) == (25.0, 25.0, 100.0)
    assert grant.limit is Limit.TIME_LEFT
    budget.close(40.0, Reason.CAP)
    grant = budget.open("b", 40.0)
    assert grant.questions_left == QuestionsLeft(3, 3, 3)
    assert (grant.left_s, grant.share_s, grant.average_s) == (60.0, 20.0, 25.0)
    assert grant.seen == 1


def test_a_bounded_number_is_planned_with_its_middle_and_kept_for_with_its_most() -> None:
    """The floor is kept for all that may come, the share goes by what is expected."""
    budget = TimeBudget(100.0, questions=(2, 5), floor_s=10.0)
    grant = budget.open("a", 0.0)
    assert grant.questions_left == QuestionsLeft(2, 3.5, 5)
    assert grant.hard_s == 60.0
    assert grant.limit is Limit.FLOOR
    assert grant.average_s == 100.0 / 3.5
    budget.close(0.0, Reason.CAP)
    spend(budget, (0.0, 0.0))
    assert budget.open("c", 0.0).questions_left == QuestionsLeft(1, 2.0, 3)


def test_an_unknown_number_is_planned_as_if_as_many_came_again() -> None:
    """With s questions seen, s more are expected beside the open one."""
    budget = TimeBudget(100.0, questions=None, floor_s=5.0)
    for seen in range(1, 6):
        grant = budget.open("q", 0.0)
        assert grant.questions_left == QuestionsLeft(1, seen + 1, None)
        assert grant.hard_s == 100.0 - 5.0 * seen
        budget.close(0.0, Reason.CAP)


@pytest.mark.parametrize("questions", [1, (1, 1)])
def test_more_questions_than_said(questions: int | tuple[int, int]) -> None:
    """A question that should not have come gets what is left, as the last one would."""
    budget = TimeBudget(100.0, questions=questions, floor_s=10.0)
    spend(budget, (0.0, 30.0))
    grant = budget.open("surprise", 30.0)
    assert grant.questions_left == QuestionsLeft(1, 1.0, 1)
    assert grant.hard_s == 70.0


def test_the_cap_bounds_a_question() -> None:
    """No question gets more than the cap, and the grant says why."""
    grant = TimeBudget(100.0, questions=2, floor_s=10.0, cap_s=30.0).open("q", 0.0)
    assert (grant.hard_s, grant.limit) == (30.0, Limit.CAP)
    grant = TimeBudget(100.0, questions=2, floor_s=10.0, cap_s=95.0).open("q", 0.0)
    assert (grant.hard_s, grant.limit) == (90.0, Limit.FLOOR)
    assert TimeBudget(inf, questions=None, cap_s=30.0).open("q", 0.0).hard_s == 30.0


def test_the_reserve_is_never_granted() -> None:
    """The seconds at the end belong to no question."""
    budget = TimeBudget(100.0, questions=1, reserve_s=15.0)
    grant = budget.open("q", 5.0)
    assert (grant.total_s, grant.left_s, grant.hard_s) == (85.0, 80.0, 80.0)
    assert budget.left_s == 80.0


def test_the_floor_shrinks_to_an_equal_share_after_a_late_start() -> None:
    """Where ten seconds each are not left any more, all get the same."""
    budget = TimeBudget(100.0, questions=5, floor_s=10.0)
    grant = budget.open("q", 75.0)
    assert (grant.floor_s, grant.hard_s, grant.limit) == (5.0, 5.0, Limit.FLOOR)


def test_a_question_after_the_end_gets_nothing() -> None:
    """Past the end a grant is empty, not negative."""
    grant = TimeBudget(100.0, questions=5, floor_s=10.0).open("q", 130.0)
    assert (grant.left_s, grant.hard_s, grant.floor_s) == (0.0, 0.0, 0.0)


def test_start_up_and_gateway_are_overhead() -> None:
    """What lies before and between questions is a row of its own."""
    budget = TimeBudget(100.0, questions=2)
    spend(budget, (7.0, 10.0), (12.0, 20.0))
    assert [(row.question_id, row.opened_s, row.spent_s) for row in budget.rows] == [
        (None, 0.0, 7.0),
        ("q0", 7.0, 3.0),
        (None, 10.0, 2.0),
        ("q1", 12.0, 8.0),
    ]
    assert [row.returned_s for row in budget.rows] == [None, 90.0, None, 80.0]
    assert budget.clock_s == 20.0
    assert budget.left_s == 80.0


def test_what_is_not_used_comes_back() -> None:
    """A committed allowance is what the row was granted; the rest is left."""
    budget = TimeBudget(100.0, questions=2)
    budget.open("a", 0.0)
    budget.commit(30.0)
    row = budget.close(10.0, Reason.LEAD)
    assert (row.granted_s, row.spent_s, row.returned_s, row.reason) == (
        30.0,
        10.0,
        20.0,
        Reason.LEAD,
    )
    assert budget.open("b", 10.0).left_s == 90.0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"total_s": nan}, "total_s"),
        ({"total_s": -1.0}, "total_s"),
        ({"reserve_s": nan}, "reserve_s"),
        ({"reserve_s": -1.0}, "reserve_s"),
        ({"reserve_s": 101.0}, "reserve_s"),
        ({"floor_s": inf}, "floor_s"),
        ({"floor_s": -1.0}, "floor_s"),
        ({"cap_s": nan}, "cap_s"),
        ({"cap_s": -1.0}, "cap_s"),
        ({"questions": 0}, "questions"),
        ({"questions": (3, 2)}, "questions"),
        ({"questions": (0, 2)}, "questions"),
    ],
)
def test_an_impossible_budget_is_refused_by_name(arguments: dict[str, Any], field: str) -> None:
    """Each argument is checked and named with its value."""
    with pytest.raises(CallerError, match=f"^{field} ") as caught:
        TimeBudget(**{"total_s": 100.0, "questions": 1, **arguments})
    assert repr(arguments[field]) in str(caught.value)


def test_misuse_is_refused_and_changes_nothing() -> None:
    """Opening twice, closing nothing and clocks that go back are the caller's fault."""
    budget = TimeBudget(100.0, questions=2)
    for misuse in (lambda: budget.close(1.0, Reason.CAP), lambda: budget.commit(1.0)):
        with pytest.raises(CallerError, match="no question is open"):
            misuse()
    budget.open("a", 10.0)
    before = budget.save()
    with pytest.raises(CallerError, match="'a' is open, cannot open 'b'"):
        budget.open("b", 11.0)
    with pytest.raises(CallerError, match="granted_s"):
        budget.commit(90.5)
    with pytest.raises(CallerError, match="at_s"):
        budget.close(9.0, Reason.CAP)
    assert budget.save() == before
    budget.close(20.0, Reason.CAP)
    before = budget.save()
    for at_s in (19.0, nan, inf):
        with pytest.raises(CallerError, match="at_s"):
            budget.open("b", at_s)
    assert budget.save() == before


@pytest.mark.parametrize("total_s", [100.0, inf])
@pytest.mark.parametrize("cap_s", [None, 30.0])
@pytest.mark.parametrize("questions", [3, (2, 5), None])
def test_a_saved_ledger_goes_on_as_if_nothing_had_happened(
    total_s: float, cap_s: float | None, questions: int | tuple[int, int] | None
) -> None:
    """Rows, bounds and the next grant are the same after a restart, without limits too."""
    budget = TimeBudget(total_s, questions=questions, reserve_s=1.0, floor_s=2.0, cap_s=cap_s)
    spend(budget, (3.0, 5.0), (6.0, 9.5))
    resumed = TimeBudget.resume(budget.save(), 10.0)
    assert resumed.rows == budget.rows
    assert resumed.left_s == budget.left_s
    assert resumed.open("c", 12.0) == budget.open("c", 12.0)
    assert resumed.rows == budget.rows


@pytest.mark.parametrize("total_s", [100.0, inf])
def test_a_question_open_at_the_crash_is_charged_the_time_lost(total_s: float) -> None:
    """It is closed as crashed at the moment of the resumption."""
    budget = TimeBudget(total_s, questions=3)
    budget.open("a", 4.0)
    resumed = TimeBudget.resume(budget.save(), 44.0)
    row = resumed.rows[-1]
    assert (row.question_id, row.spent_s, row.reason) == ("a", 40.0, Reason.CRASHED)
    assert row.granted_s == total_s - 4.0
    assert resumed.clock_s == 44.0
    assert resumed.open("b", 45.0).questions_left == QuestionsLeft(2, 2, 2)


def test_a_question_that_comes_again_after_a_crash_takes_no_other_ones_place() -> None:
    """Its second coming is one more than was said; the last one keeps its floor."""
    for questions, left in ((3, QuestionsLeft(3, 3, 3)), ((2, 5), QuestionsLeft(2, 3.5, 5))):
        budget = TimeBudget(100.0, questions=questions, floor_s=10.0)
        budget.open("a", 4.0)
        resumed = TimeBudget.resume(budget.save(), 44.0, again=True)
        assert resumed.open("a", 45.0).questions_left == left
        resumed.close(46.0, Reason.LEAD)
        assert TimeBudget.resume(resumed.save(), 47.0, again=True).save() == resumed.save()


def test_a_resumption_before_the_open_question_is_refused() -> None:
    """Time doesn't go back across a crash."""
    budget = TimeBudget(100.0, questions=3)
    budget.open("a", 4.0)
    with pytest.raises(CallerError, match="at_s"):
        TimeBudget.resume(budget.save(), 3.0)


@pytest.mark.parametrize("at_s", [3.0, nan])
def test_a_resumption_before_the_last_row_is_refused(at_s: float) -> None:
    """Time doesn't go back across a crash between two questions either."""
    budget = TimeBudget(100.0, questions=3)
    spend(budget, (1.0, 4.0))
    with pytest.raises(CallerError, match="at_s"):
        TimeBudget.resume(budget.save(), at_s)


def test_a_ledger_resumed_at_once_opens_at_once() -> None:
    """Rounding of the last row's length never makes the same moment lie in the past."""
    for tenths in range(1, 200):
        opened_s, closed_s = tenths / 10, tenths / 10 + 0.3 + tenths / 70
        budget = TimeBudget(100.0, questions=3)
        spend(budget, (opened_s, closed_s))
        resumed = TimeBudget.resume(budget.save(), closed_s)
        assert resumed.clock_s == closed_s
        resumed.open("next", closed_s)


@pytest.mark.parametrize(
    "saved",
    [b"", b"{}", b"[]", b"null", b'{"total_s": "long"}'],
)
def test_what_is_no_ledger_is_refused(saved: bytes) -> None:
    """Anything else than a saved ledger is one clear error."""
    with pytest.raises(CallerError, match="not a saved time budget"):
        TimeBudget.resume(saved, 0.0)


def test_a_ledger_of_another_version_is_refused() -> None:
    """Formats that this version doesn't know are named."""
    saved = TimeBudget(1.0, questions=1).save().replace(b'"format":1', b'"format":2')
    with pytest.raises(CallerError, match="format 2 unknown, need 1"):
        TimeBudget.resume(saved, 0.0)


def test_the_table_shows_every_row_and_what_is_left() -> None:
    """A row a question or stretch of overhead, in seconds, with the reason."""
    budget = TimeBudget(100.0, questions=2)
    spend(budget, (7.0, 10.0))
    lines = budget.table().splitlines()
    assert lines[0].split() == ["question", "opened", "granted", "spent", "returned", "reason"]
    assert lines[1].split() == ["(overhead)", "0.0", "7.0"]
    assert lines[2].split() == ["q0", "7.0", "93.0", "3.0", "90.0", "cap"]
    assert lines[3].split() == ["left", "10.0", "90.0"]
    assert len(lines) == 4


@given(
    total_s=st.floats(0.0, 1e5) | st.just(inf),
    share=st.floats(0.0, 1.0),
    floor_s=st.floats(0.0, 1e3),
    cap_s=st.none() | st.floats(0.0, 1e4),
    questions=st.none()
    | st.integers(1, 12)
    | st.tuples(st.integers(1, 6), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))),
    spans=st.lists(
        st.tuples(st.floats(0.0, 500.0), st.floats(0.0, 1.0), st.booleans()), max_size=12
    ),
)
def test_every_second_belongs_to_one_row(
    total_s: float,
    share: float,
    floor_s: float,
    cap_s: float | None,
    questions: int | tuple[int, int] | None,
    spans: list[tuple[float, float, bool]],
) -> None:
    """Spent + overhead + left is the total, no grant overruns it, and floors are kept."""
    reserve_s = share * total_s if isfinite(total_s) else 10.0
    budget = TimeBudget(
        total_s, questions=questions, reserve_s=reserve_s, floor_s=floor_s, cap_s=cap_s
    )
    clock_s = 0.0
    for number, (gap_s, used, crash) in enumerate(spans):
        clock_s += gap_s
        grant = budget.open(f"q{number}", clock_s)
        assert 0.0 <= grant.hard_s <= grant.left_s
        assert cap_s is None or grant.hard_s <= cap_s
        high = grant.questions_left.high
        later = (high if high is not None else grant.questions_left.expected) - 1
        assert grant.floor_s <= floor_s
        assert grant.left_s == inf or (
            grant.left_s - grant.hard_s >= grant.floor_s * later - 1e-9 * (1.0 + grant.left_s)
        )
        clock_s += used * (grant.hard_s if isfinite(grant.hard_s) else 100.0)
        if crash:
            budget = TimeBudget.resume(budget.save(), clock_s)
        else:
            budget.close(clock_s, Reason.CAP)
        if total_s < inf:
            spent_s = sum(row.spent_s for row in budget.rows)
            assert spent_s + budget.left_s + reserve_s == pytest.approx(total_s, abs=1e-9)
            assert budget.clock_s == clock_s
    ends = [row.opened_s + row.spent_s for row in budget.rows]
    for end_s, row in zip(ends, budget.rows[1:], strict=False):
        assert row.opened_s == pytest.approx(end_s, abs=1e-9)


@pytest.mark.parametrize(
    ("asked", "soft_s", "hard_s", "trimmed"),
    [
        (Allowance(), 50.0, 50.0, []),
        (Allowance(hard_s=20.0), 20.0, 20.0, []),
        (Allowance(hard_s=20.0, soft_s=30.0), 20.0, 20.0, []),
        (Allowance(hard_s=80.0), 50.0, 50.0, [("hard_s", 80.0, 50.0)]),
        (Allowance(soft_s=80.0), 50.0, 50.0, [("soft_s", 80.0, 50.0)]),
        (
            Allowance(hard_s=inf, soft_s=60.0),
            50.0,
            50.0,
            [("hard_s", inf, 50.0), ("soft_s", 60.0, 50.0)],
        ),
        (Allowance(hard_s=60.0, soft_s=10.0), 10.0, 50.0, [("hard_s", 60.0, 50.0)]),
    ],
)
def test_wishes_beyond_the_grant_are_trimmed_on_record(
    asked: Allowance, soft_s: float, hard_s: float, trimmed: list[tuple[str, float, float]]
) -> None:
    """Deadlines are cut to the grant; each cut says what was asked, got, and what bounds it."""
    grant = TimeBudget(80.0, questions=4, floor_s=10.0).open("q", 0.0)
    allowance, trims = trim(asked, grant)
    assert (allowance.soft_s, allowance.hard_s) == (soft_s, hard_s)
    assert [(t.field, t.asked, t.granted) for t in trims] == trimmed
    assert all(t.limit is Limit.FLOOR for t in trims)


def test_other_wishes_pass_as_they_are() -> None:
    """Width, samples, tokens and price are the policy's own limits."""
    grant = TimeBudget(80.0, questions=1).open("q", 0.0)
    wish = Allowance(width=3, samples=5, tokens_per_sample=7, price=0.5)
    allowance, trims = trim(wish, grant)
    assert not trims
    assert (allowance.width, allowance.samples) == (3, 5)
    assert (allowance.tokens_per_sample, allowance.price) == (7, 0.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("soft_s", nan),
        ("soft_s", -1.0),
        ("hard_s", nan),
        ("hard_s", -inf),
        ("width", -1),
        ("width", nan),
        ("samples", -1),
        ("samples", inf),
        ("tokens_per_sample", 0),
        ("price", -0.1),
        ("price", inf),
    ],
)
def test_an_impossible_wish_is_refused_by_name(field: str, value: float) -> None:
    """An allowance names the field and the value that can't be."""
    with pytest.raises(CallerError, match=f"^{field} ") as caught:
        Allowance(**{field: value})  # type: ignore[arg-type]
    assert repr(value) in str(caught.value)
