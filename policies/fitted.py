"""Policies whose parameters are fitted to a model's logged generations."""

from __future__ import annotations

from abc import abstractmethod

from scheduler import Policy


class FittedPolicy(Policy):
    """A policy with an argument `parameters` that names fitted ones."""

    @staticmethod
    @abstractmethod
    def fitted_to(model: str) -> str:
        """Return the name of the shipped parameters that suit a model best."""
