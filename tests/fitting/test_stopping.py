"""The stop rule: its gradient is exact, it finds what tells, and units of features don't matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from simulations.fitting import stopping
from simulations.fitting.stopping import Runs, Weights, _earned, _unstandardised, learn

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.fitting.recording import Run

PRICES = [0.01, 0.1, 1.0]


def final_of(runs: Runs) -> Any:  # noqa: ANN401 - an array of booleans
    """Return which decisions are the last of their run, or padding after it."""
    return np.arange(runs.right.shape[1]) >= runs.last[:, None]


# What a rule earns.


def test_a_run_earns_the_mean_over_where_it_may_stop(make_run: Callable[..., Run]) -> None:
    """Half, a quarter and a quarter of the rewards at one, two and three units."""
    runs = Runs([make_run([0, 0, 0], [0, 1, 1])])
    value, _ = _earned(np.zeros((1, 3)), final_of(runs), runs, 0.1)
    assert value == pytest.approx([0.5 * -0.1 + 0.25 * (1 - 0.2) + 0.25 * (1 - 0.3)])


def test_padding_earns_nothing(make_run: Callable[..., Run]) -> None:
    """A short run beside a long one earns what it earns alone."""
    short, long = make_run([0, 0], [0, 1]), make_run([0] * 5, [0, 0, 0, 0, 1])
    alone, beside = Runs([short]), Runs([short, long])
    scores = np.full((2, 5), -0.3)
    first, _ = _earned(scores[:1, :2].copy(), final_of(alone), alone, 0.1)
    both, gradient = _earned(scores, final_of(beside), beside, 0.1)
    assert both[0] == pytest.approx(first[0])
    assert np.count_nonzero(gradient[0]) == 1


def test_the_gradient_by_scores_is_that_of_finite_differences(
    make_runs: Callable[..., Runs],
) -> None:
    """Nudging each score changes what is earned as the formula says."""
    runs = make_runs(6)
    final, shape = final_of(runs), runs.right.shape
    scores = np.random.default_rng(1).normal(size=shape)

    def total(flat: Any) -> float:  # noqa: ANN401 - an array
        return float(_earned(flat.reshape(shape), final, runs, 0.2)[0].sum())

    _, gradient = _earned(scores.copy(), final, runs, 0.2)
    numeric = approx_fprime(scores.reshape(-1), total, 1e-6)
    assert gradient.reshape(-1) == pytest.approx(numeric, abs=1e-6)
    assert np.abs(gradient).max() > 0.01


def test_the_gradient_by_weights_is_that_of_finite_differences(
    make_runs: Callable[..., Runs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What L-BFGS climbs has the slope that it is told, ridge and all prices included."""
    seen: list[tuple[Any, Any]] = []
    minimize = stopping.minimize

    def spy(loss: Any, start: Any, **settings: Any) -> Any:  # noqa: ANN401 - of SciPy's own
        seen.append((loss, start))
        return minimize(loss, start, **settings)

    monkeypatch.setattr(stopping, "minimize", spy)
    learn(make_runs(), PRICES, ridge=0.01, steps=5)
    ((loss, start),) = seen
    luck = np.random.default_rng(2)
    for spread in (0.0, 0.3, 1.0):
        theta = start + spread * luck.normal(size=start.shape)
        _, gradient = loss(theta)
        # Scores are held in 32 bits, so steps are large, and central.
        step = 1e-2
        numeric = [
            (loss(theta + step * one)[0] - loss(theta - step * one)[0]) / (2 * step)
            for one in np.eye(len(theta))
        ]
        assert gradient == pytest.approx(numeric, abs=2e-4)
        assert np.abs(gradient).max() > 1e-3


# What it learns.


def told_runs(make_run: Callable[..., Run], count: int = 120) -> Runs:
    """Return runs whose first feature tells when the leader has become right; the others lie."""
    luck = np.random.default_rng(3)
    runs = []
    for _ in range(count):
        turn = int(luck.integers(1, 7))
        right = np.arange(8) >= turn
        noise = luck.normal(size=(8, 2))
        runs.append(make_run(np.column_stack([10.0 * right + 3.0, noise]), right))
    return Runs(runs)


def test_a_rule_finds_the_feature_that_tells(make_run: Callable[..., Run]) -> None:
    """It stops when the leader has become right, and earns more than never stopping."""
    runs = told_runs(make_run)
    weights = learn(runs, [0.01, 0.03, 0.1], ridge=1e-4, steps=150)
    price = 0.03
    right, units, _ = runs.stopped(weights, price)
    turn = runs.right.argmax(axis=1)
    assert np.mean(units == turn + 1) > 0.95
    never = runs.right[:, -1] - price * runs.units[:, -1]
    assert (right - price * units).mean() > never.mean() + 2 * price
    scale = np.abs(weights.level + np.log(price) * weights.slope) * runs.features.std(axis=(0, 1))
    assert scale[0] > 5 * scale[1:].max()


def test_a_rule_stops_at_once_where_time_is_worth_more(make_run: Callable[..., Run]) -> None:
    """At a price that no answer pays for, the first decision is the last."""
    runs = told_runs(make_run)
    weights = learn(runs, [0.01, 0.1, 3.0], ridge=1e-4, steps=150)
    assert runs.stopped(weights, 3.0)[1].mean() == pytest.approx(1.0, abs=0.05)
    assert runs.stopped(weights, 0.01)[0].mean() > 0.95


def test_runs_that_no_rule_can_help_are_played_out(make_run: Callable[..., Run]) -> None:
    """Where the leader is right at the end alone and time costs little, nothing is stopped."""
    runs = Runs([make_run(np.zeros((4, 2)), [0, 0, 0, 1]) for _ in range(10)])
    weights = learn(runs, [0.01, 0.02], ridge=1e-3, steps=100)
    assert runs.stopped(weights, 0.01)[1].tolist() == [4.0] * 10


def test_a_feature_that_never_varies_gets_no_weight(make_run: Callable[..., Run]) -> None:
    """A constant tells nothing, and makes no number infinite."""
    runs = told_runs(make_run, 30)
    runs.features[:, :, 2] = 5.0
    weights = learn(runs, PRICES, ridge=1e-3, steps=50)
    assert (weights.level[2], weights.slope[2]) == (0.0, 0.0)
    assert np.isfinite([*weights.level, *weights.slope, weights.constant, weights.bend]).all()


def test_each_model_weighs_the_same(make_run: Callable[..., Run]) -> None:
    """Thirty runs that want to wait do not outvote three of another model that want to stop."""
    waits = [make_run([0.0, 0.0], [0, 1], model=0) for _ in range(30)]
    stops = [make_run([0.0, 0.0], [1, 0], model=1) for _ in range(3)]
    # Both together: waiting loses by the price alone, if models and not runs are counted.
    alone = learn(Runs(waits), [0.1, 0.2], ridge=1e-3, steps=50)
    both = learn(Runs([*waits, *stops]), [0.1, 0.2], ridge=1e-3, steps=50)
    assert Runs(waits).stopped(alone, 0.1)[1].mean() == 2.0
    assert Runs(waits).stopped(both, 0.1)[1].mean() == 1.0


def test_threads_change_no_bit(make_runs: Callable[..., Runs]) -> None:
    """Sums are added in one order, however many threads the linear algebra has in a process."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    runs = make_runs(2000, features=17, longest=40)
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(learn(runs, [0.1], ridge=1e-3, steps=5))
    one, two = found
    assert (one.constant, one.bend) == (two.constant, two.bend)
    assert (one.level == two.level).all()
    assert (one.slope == two.slope).all()


def test_weights_for_raw_features_give_the_standardised_scores() -> None:
    """Undoing scale, mean and the centre of the price's logarithm changes no score."""
    luck = np.random.default_rng(4)
    theta = luck.normal(size=2 * 4 + 1)
    mean, scale = luck.normal(size=3), np.array([0.1, 7.0, np.inf])
    features = luck.normal(size=(5, 3)) * 3.0 + 1.0
    centre = -2.5
    weights = _unstandardised(theta, 4, mean, scale, centre)
    assert isinstance(weights, Weights)
    standard = np.concatenate([np.ones((5, 1)), (features - mean) / scale], axis=1)
    for price in PRICES:
        p = np.log(price) - centre
        expected = standard @ theta[:4] + p * (standard @ theta[4:8]) + theta[8] * p * p
        assert weights.scores(features, price) == pytest.approx(expected)


def test_the_rule_that_is_played_scores_as_the_one_that_was_learnt() -> None:
    """The policy's own sum and the fit's are one formula."""
    from policies.pricing import Rule  # noqa: PLC0415 - the one test that plays

    luck = np.random.default_rng(5)
    level, slope = luck.normal(size=3), luck.normal(size=3)
    weights = Weights(0.3, level, -0.2, slope, 0.1)
    rule = Rule(
        width=1,
        cap=1,
        constant=0.3,
        level=tuple(level.tolist()),
        slope_constant=-0.2,
        slope=tuple(slope.tolist()),
        bend=0.1,
        price=(1e-6, 10.0),
        units=(1.0, 0.0),
        accuracy=(1.0, 0.0),
    )
    features = luck.normal(size=3)
    for price in PRICES:
        learnt = weights.scores(features[None], price)[0]
        assert rule.score(features.tolist(), price) == pytest.approx(learnt)


# Where runs end.


def test_a_run_stops_at_its_first_yes_or_its_end(make_run: Callable[..., Run]) -> None:
    """The first decision that says so counts, and a shorter run's end is its own."""
    runs = Runs(
        [
            make_run([-1, 1, 1], [0, 1, 0]),
            make_run([-1, -1], [0, 1]),
            make_run([-1, -1, -1], [0, 0, 1]),
        ]
    )
    rule = Weights(0.0, np.array([1.0]), 0.0, np.array([0.0]), 0.0)
    right, units, tokens = runs.stopped(rule, 1.0)
    assert units.tolist() == [2.0, 2.0, 3.0]
    assert right.tolist() == [1.0, 1.0, 1.0]
    assert tokens.tolist() == [200.0, 200.0, 300.0]


def test_some_of_the_runs_keep_their_rows(make_runs: Callable[..., Runs]) -> None:
    """A choice of runs holds each of their numbers and no others."""
    runs = make_runs()
    some = runs.where(runs.question == "q1")
    assert set(some.question) == {"q1"}
    assert some.features.shape[0] == len(some.last) == np.sum(runs.question == "q1")
    assert (some.right == runs.right[runs.question == "q1"]).all()
