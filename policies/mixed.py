"""Mixed: any policy, with its samples drawn from several arms."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from policies.mixtures import CrossFittedMixture, Mixture
from scheduler import DEFAULT_ARM, Policy, SampleState, StartSample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.mixtures import MixedArm
    from scheduler import Allowance, AnyAction, QuestionView, SampleView


class Mixed(Policy):
    """Let a policy decide how much is sampled and when to stop, and choose the arm of each sample.

    A sample goes to the arm that is expected to bring most accuracy a second (`policies.mixtures`),
    and its vote weighs what the arm is worth; the policy inside sees the weighted tally. Without
    fitted gains the arms take turns. With one arm nothing but the arm's name changes.

    Args:
        inner: The policy; samples for which it names an arm keep it.
        mixture: The arms, or one set a fold.
    """

    def __init__(self, inner: Policy, mixture: Mixture | CrossFittedMixture) -> None:
        self.progress_every_tokens = inner.progress_every_tokens
        self._inner = inner
        self._given = mixture
        self._mixture = _mixture_for("", mixture)
        self._weights: dict[str, float] = {}
        self._built: Counter[int] = Counter()  # samples that build on each, of the open question

    def request(self, view: QuestionView) -> Allowance:
        """Ask for what the policy inside asks for."""
        self._mixture = _mixture_for(view.opened.question_id, self._given)
        self._weights = {arm.name: arm.weight for arm in self._mixture.arms}
        self._built.clear()
        return self._inner.request(view)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Decide as the policy inside does; each start gets its arm."""
        actions = self._inner.decide(view)
        if not any(isinstance(action, StartSample) for action in actions):
            return actions
        started = Counter(sample.arm for sample in view.samples)
        # The same for every start of this moment, since nothing is revealed between them.
        able = [place for place, arm in enumerate(self._mixture.arms) if self._can_start(arm, view)]
        level = self._mixture.level_of(view.tally)
        live = view.live
        assigned: list[AnyAction] = []
        for action in actions:
            if not isinstance(action, StartSample) or action.arm != DEFAULT_ARM:
                assigned.append(action)
                continue
            live += 1
            arm = self._choose(able, level, started, live, view.latency.base_step_s(live))
            started[arm.name] += 1
            assigned.append(self._assigned(action, arm, view))
        return assigned

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Wake when the policy inside wants to."""
        return self._inner.next_wakeup_s(view)

    def weigh(self, sample: SampleView) -> float:
        """Weigh a vote as the policy inside does, times what its arm's votes are worth."""
        return self._inner.weigh(sample) * self._weights.get(sample.arm, 1.0)

    def _choose(
        self, able: Sequence[int], level: int, started: Counter[str], live: int, step_s: float
    ) -> MixedArm:
        mixture = self._mixture
        counts = [started[arm.name] for arm in mixture.arms]
        if not mixture.gains:
            return mixture.arms[min(able, key=counts.__getitem__)]

        def rank(place: int) -> tuple[float, float]:
            arm = mixture.arms[place]
            seconds = (arm.tokens * step_s + arm.tool_s) / live
            # Where nothing is expected any more, weight is still worth having.
            return mixture.gain(level, counts, place) / seconds, arm.weight / seconds

        return mixture.arms[max(able, key=rank)]

    def _can_start(self, arm: MixedArm, view: QuestionView) -> bool:
        if arm.stands_alone:
            return True
        # One that failed asked for what cannot be had; the next one would ask for the same.
        if any(
            sample.arm == arm.name and sample.state is SampleState.FAILED for sample in view.samples
        ):
            return False
        if arm.builds_on is not None:
            return bool(_finished(arm.builds_on, view))
        return view.tally.runner_up is not None

    def _assigned(self, action: StartSample, arm: MixedArm, view: QuestionView) -> StartSample:
        leader, runner_up = view.tally.leader, view.tally.runner_up
        if arm.judges and leader is not None and runner_up is not None:
            return replace(action, arm=arm.name, candidates=(leader, runner_up))
        if arm.builds_on is not None:
            parent = min(_finished(arm.builds_on, view), key=self._built.__getitem__)
            self._built[parent] += 1
            return replace(action, arm=arm.name, parent=parent)
        return replace(action, arm=arm.name)


def _finished(arm: str, view: QuestionView) -> list[int]:
    """Return the samples of an arm that ended by themselves, in start order."""
    return [
        sample.sample
        for sample in view.samples
        if sample.arm == arm and sample.state is SampleState.FINISHED
    ]


def _mixture_for(question_id: str, given: Mixture | CrossFittedMixture) -> Mixture:
    """Return the mixture for a question; one that no fold left out meets the first."""
    if isinstance(given, CrossFittedMixture):
        return given.folds[given.fold_of.get(question_id, 0)]
    return given
