"""Which values a trial tries: the policy's own first, then those of a tree-structured estimator.

The luck of a trial is addressed by its study and its place in it, so that a study that goes on
after a stop tries what it would have tried without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import TrialState

from policies.knobs import Choice, Whole
from simulations.luck import address_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from policies.knobs import Knob
    from policies.registry import Value


class AddressedSampler(BaseSampler):
    """A `TPESampler` that is seeded anew for each trial.

    Args:
        name: The study's name.
        first: Values of the first trial, as far as they are known.
    """

    def __init__(self, name: str, first: Mapping[str, Value]) -> None:
        self._name = name
        self._first = first
        self._known: Mapping[str, Value] = {}
        self._inner = TPESampler()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seed it by the trial's place among those that have not failed."""
        place = sum(
            other.number < trial.number and other.state is not TrialState.FAIL
            for other in study.get_trials(deepcopy=False)
        )
        self._known = {} if place else self._first
        self._inner = TPESampler(seed=address_of(self._name, str(place)) % 2**32)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the estimator samples together."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what it sampled together."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - as Optuna has it
        """Return the value that is known for the first trial, else a sampled one."""
        if param_name in self._known:
            return self._known[param_name]
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


def distributions_of(knobs: Mapping[str, Knob]) -> dict[str, BaseDistribution]:
    """Return knobs as Optuna writes them."""
    return {name: _distribution(knob) for name, knob in knobs.items()}


def _distribution(knob: Knob) -> BaseDistribution:
    if isinstance(knob, Choice):
        return CategoricalDistribution(knob.values)
    if isinstance(knob, Whole):
        return IntDistribution(knob.low, knob.high, log=knob.log)
    return FloatDistribution(knob.low, knob.high, log=knob.log)
