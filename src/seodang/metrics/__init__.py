"""Measures of how good predictions are, with their 95 % intervals; NumPy only."""
