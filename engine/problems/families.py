"""Every family of problems by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.problems import algebra, combinatorics, geometry, number_theory

if TYPE_CHECKING:
    from engine.problems.drawing import Family

_ALL: tuple[Family, ...] = (
    number_theory.modular_powers,
    number_theory.remainders,
    number_theory.divisors,
    number_theory.coprimes,
    number_theory.digit_sums,
    number_theory.equation_solutions,
    number_theory.factorial_powers,
    algebra.root_sums,
    algebra.recurrences,
    algebra.polynomial_remainders,
    algebra.linear_systems,
    algebra.telescoping_sums,
    algebra.floor_sums,
    combinatorics.multiples,
    combinatorics.lattice_paths,
    combinatorics.fixed_points,
    combinatorics.colourings,
    combinatorics.partitions,
    combinatorics.dice,
    combinatorics.subsets,
    geometry.polygons,
    geometry.triangles,
    geometry.lattice_points,
    geometry.coordinates,
)

FAMILIES: dict[str, Family] = {family.__name__: family for family in _ALL}
"""Name to family; what a seed gives depends on the order."""
