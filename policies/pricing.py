"""Fitted parameters of the shadow price: what a stop rule weighs, and what time buys.

Everything is told in units of the model's own length, so that no engine's speed enters: a *unit*
is the time in which each running sample gains `unit_tokens` tokens, a price is accuracy per unit.
A latency profile turns units into seconds, a width turns them into tokens.
"""

from __future__ import annotations

from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from policies.evidence import FEATURES, MARGIN, MARGIN_SCALE
from policies.fitted_files import check_folds, read_fitted_file
from scheduler import CallerError
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import LatencyProfile

FORMAT = 1
TRANSFER = "transfer"
"""Parameters fitted over several models, for one that has none of its own."""

SIGNALS = frozenset({"probes", "entropy"})
"""What traces may lack."""

DOUBT = 0.005
"""Accuracy by which a learnt rule must beat a plain lead to be taken at a fixed price."""

_SHIPPED = Path(__file__).parent / "parameters"


class Vote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weight of a running sample's latest answer beside a finished sample's 1.

    Attributes:
        first: An answer that it has held since its first probe.
        fresh: One that it changed to, repeated by less than `steady_after` probes.
        steady: One repeated by as many.
        steady_after: Probes.
    """

    first: float = 0.02
    fresh: float = 0.1
    steady: float = 0.3
    steady_after: int = 2

    def __post_init__(self) -> None:
        for name in ("first", "fresh", "steady"):
            require_number(f"vote.{name}", getattr(self, name), 0.0, 1.0)
        require_finite("vote.steady_after", self.steady_after, 0)


class Prior(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number known of a question before its first sample.

    Attributes:
        name: Its name among the question's features.
        mean: Taken where a question lacks it.
        scale: Its standard deviation over the questions of the fit.
    """

    name: str
    mean: float
    scale: float

    def __post_init__(self) -> None:
        require_finite(f"priors.{self.name}.mean", self.mean)
        require_number(f"priors.{self.name}.scale", self.scale, 1e-12)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to stop at one width, and what that costs and brings on average.

    The rule stops where `constant + Σ level·x + p·(slope_constant + Σ slope·x) + bend·p² > 0`,
    p the natural logarithm of the price.

    Attributes:
        width: Samples at once.
        cap: Samples in all.
        constant: Intercept.
        level: Weight of each feature, shape (features).
        slope_constant: Weight of the price's logarithm.
        slope: Weight of its product with each feature, shape (features).
        bend: Weight of its square.
        price: Accuracy per unit, ascending, shape (prices).
        units: Mean units a question takes at each price, not ascending, shape (prices).
        accuracy: Mean accuracy at each price, not ascending, shape (prices).
    """

    width: int
    cap: int
    constant: float
    level: tuple[float, ...]
    slope_constant: float
    slope: tuple[float, ...]
    bend: float
    price: tuple[float, ...]
    units: tuple[float, ...]
    accuracy: tuple[float, ...]

    def __post_init__(self) -> None:
        require_finite("rules.width", self.width, 1)
        require_finite("rules.cap", self.cap, self.width)
        if len(self.level) != len(self.slope):
            raise CallerError(f"rules.slope must have {len(self.level)} values as rules.level has")
        if not len(self.price) == len(self.units) == len(self.accuracy) or not self.price[1:]:
            raise CallerError("rules.price, units and accuracy must be as long, at least 2")
        if any(b <= a for a, b in zip(self.price, self.price[1:], strict=False)):
            raise CallerError(f"rules.price must ascend, got {self.price!r}")
        if any(b > a for a, b in zip(self.units, self.units[1:], strict=False)):
            raise CallerError(f"rules.units must not ascend, got {self.units!r}")
        if any(b > a for a, b in zip(self.accuracy, self.accuracy[1:], strict=False)):
            raise CallerError(f"rules.accuracy must not ascend, got {self.accuracy!r}")
        require_number("rules.price", self.price[0], 1e-12)
        require_number("rules.units", self.units[-1], 0.0)

    def score(self, features: Sequence[float], price: float) -> float:
        """Return the log-odds of stopping at a price (accuracy per unit)."""
        level, slope = self.constant, self.slope_constant
        for x, a, b in zip(features, self.level, self.slope, strict=True):
            level += a * x
            slope += b * x
        # Beyond the prices that it learnt at, a rule knows nothing.
        logarithm = log(min(max(price, self.price[0]), self.price[-1]))
        return level + logarithm * (slope + self.bend * logarithm)

    def buys(self, units: float) -> tuple[float, float]:
        """Return the accuracy that so many units a question buy, and the price that spends them."""
        if units >= self.units[0]:
            return self.accuracy[0], self.price[0]
        if units <= self.units[-1]:
            return self.accuracy[-1] * units / max(self.units[-1], 1e-12), self.price[-1]
        place = next(i for i, at in enumerate(self.units) if at <= units)
        span = self.units[place - 1] - self.units[place]
        share = (units - self.units[place]) / span
        accuracy = self.accuracy[place] + share * (self.accuracy[place - 1] - self.accuracy[place])
        lower, upper = log(self.price[place - 1]), log(self.price[place])
        return accuracy, exp(upper + share * (lower - upper))

    def at_price(self, price: float) -> tuple[float, float]:
        """Return the mean accuracy and the mean units at a price."""
        if price <= self.price[0]:
            return self.accuracy[0], self.units[0]
        if price >= self.price[-1]:
            return self.accuracy[-1], self.units[-1]
        place = next(i for i, at in enumerate(self.price) if at >= price)
        lower, upper = log(self.price[place - 1]), log(self.price[place])
        share = (log(price) - lower) / (upper - lower)
        return (
            self.accuracy[place - 1] + share * (self.accuracy[place] - self.accuracy[place - 1]),
            self.units[place - 1] + share * (self.units[place] - self.units[place - 1]),
        )

    def gain(self, price: float) -> float:
        """Return the mean of accuracy less price times units, less what luck may have added."""
        accuracy, units = self.at_price(price)
        return accuracy - price * units - DOUBT


class LeadRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that looks at no price: stop at a lead of so many finished votes.

    Where tokens are plenty, what is learnt gains nothing on it and loses a little to chance.

    Attributes:
        width: Samples at once.
        lead: Votes.
        cap: Samples in all.
        units: Mean units that a question takes.
        accuracy: Mean accuracy.
    """

    width: int
    lead: int
    cap: int
    units: float
    accuracy: float

    def __post_init__(self) -> None:
        require_finite("leads.width", self.width, 1)
        require_finite("leads.lead", self.lead, 1)
        require_finite("leads.cap", self.cap, self.width)
        require_number("leads.units", self.units, 1e-12)

    def score(self, features: Sequence[float], price: float) -> float:
        """Return how far the lead is past the one that ends the question."""
        del price
        return features[MARGIN] * MARGIN_SCALE - self.lead + 0.5

    def buys(self, units: float) -> tuple[float, float]:
        """Return the accuracy that so many units a question buy, and the price of the last."""
        return self.accuracy * min(1.0, units / self.units), self.accuracy / self.units

    def at_price(self, price: float) -> tuple[float, float]:
        """Return the mean accuracy and the mean units, whatever the price."""
        del price
        return self.accuracy, self.units

    def gain(self, price: float) -> float:
        """Return the mean of accuracy less price times units."""
        return self.accuracy - price * self.units


AnyRule = Rule | LeadRule


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `simulations.fit` writes.

    Attributes:
        name: A word for tables.
        description: What they were fitted to and how well.
        models: Models of the traces.
        traces: Digests of the traces.
        settings: Settings of the fit.
        unit_tokens: Median length of a sample, in tokens.
        probe_every_tokens: Probe a sample each time that it has grown by so many tokens.
        cut_tokens: Stop a sample past so many tokens, without a vote.
        vote: Weights of running samples.
        features: Names of what is weighed, in the order of the weights.
        priors: Which of a question's own features are weighed, after the others.
        off: Signals that the traces did not hold, so that nothing is made of them: `probes`,
            `entropy`.
        rules: The learnt rules, by width, ascending.
        leads: The rules of a lead that may be better where only tokens count, which is why they
            are of the narrowest width.
        levels: Prices by name: accuracy per 1,000 tokens.
        format: Version of this layout.
    """

    name: str
    description: str = ""
    models: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    settings: dict[str, str | int | float | None] = {}
    unit_tokens: float
    probe_every_tokens: int
    cut_tokens: int
    vote: Vote = Vote()
    features: tuple[str, ...]
    priors: tuple[Prior, ...] = ()
    off: tuple[str, ...] = ()
    rules: tuple[Rule, ...]
    leads: tuple[LeadRule, ...] = ()
    levels: dict[str, float]
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise CallerError(f"parameters of format {self.format!r} are unknown, need {FORMAT}")
        require_number("unit_tokens", self.unit_tokens, 1.0)
        require_finite("probe_every_tokens", self.probe_every_tokens, 1)
        require_finite("cut_tokens", self.cut_tokens, 1)
        if not self.rules:
            raise CallerError("rules must hold at least one width")
        widths = [rule.width for rule in self.rules]
        if widths != sorted(set(widths)):
            raise CallerError(f"rules must ascend in width, got {widths!r}")
        if self.features != FEATURES:
            raise CallerError(f"features must be {', '.join(FEATURES)}")
        unknown = sorted(set(self.off) - SIGNALS)
        if unknown:
            raise CallerError(f"off must name probes or entropy, got {', '.join(unknown)}")
        weighed = len(self.features) + len(self.priors)
        for rule in self.rules:
            if len(rule.level) != weighed:
                raise CallerError(
                    f"the rule of width {rule.width} has {len(rule.level)} weights, need {weighed}"
                )
        for name, price in self.levels.items():
            require_number(f"levels.{name}", price, 0.0)

    def unit_s(self, latency: LatencyProfile, width: int) -> float:
        """Return the seconds of a unit while so many samples run, half grown on average."""
        return self.unit_tokens * latency.step_s(width, width * self.unit_tokens / 2.0)


class CrossFitted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters by fold: a question meets those that were fitted without it.

    Attributes:
        folds: What was fitted without each fold.
        fold_of: The fold of each question.
    """

    folds: tuple[Parameters, ...]
    fold_of: dict[str, int]

    def __post_init__(self) -> None:
        check_folds(self.folds, self.fold_of)
        first = self.folds[0]
        for other in self.folds[1:]:
            if other.probe_every_tokens != first.probe_every_tokens:
                raise CallerError("all folds must have the same probe_every_tokens")

    def of(self, question_id: str) -> Parameters:
        """Return the parameters for a question; one that no fold left out meets the first."""
        return self.folds[self.fold_of.get(question_id, 0)]


def shipped_names() -> tuple[str, ...]:
    """Give the names of the parameters that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.json")))


def read_parameters(name_or_path: str) -> Parameters | CrossFitted:
    """Read shipped parameters by name, or any from a JSON file.

    What ends in `.json` is a path, everything else a name.

    Raises:
        CallerError: one line that lists the names, or names the file and the field.
    """
    if name_or_path.endswith(".json"):
        return read_fitted_file(Path(name_or_path), Parameters, CrossFitted)
    if name_or_path not in shipped_names():
        raise CallerError(
            f"parameters {name_or_path!r} are unknown (known: {', '.join(shipped_names())}; "
            "or give a file that ends in .json)"
        )
    return _read_shipped(name_or_path)


def parameters_for(model: str) -> str:
    """Return the name of the shipped parameters fitted to a model, or that of the transfer's."""
    for name in shipped_names():
        found = _read_shipped(name)
        if isinstance(found, Parameters) and name != TRANSFER and model in found.models:
            return name
    return TRANSFER


def _read_shipped(name: str) -> Parameters | CrossFitted:
    return read_fitted_file(_SHIPPED / f"{name}.json", Parameters, CrossFitted)
