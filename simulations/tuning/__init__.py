"""Tuning: which values of a policy's knobs are best, judged on questions that they never saw.

Only `studies` and `sampler` import Optuna, which comes with the extra `fit`.
"""
