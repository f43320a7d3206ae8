"""Comparing the policies of sweeps: what each buys, and what the same accuracy costs.

On the command line: `python -m simulations.compare --help`.
"""
