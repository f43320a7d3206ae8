"""Fitting mixtures of arms: what a vote of each is worth, and what its next samples bring."""
