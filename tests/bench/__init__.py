"""Measures Kontora against references in the same run, and prints ratios: a ratio holds on another
machine, an absolute number does not. `make bench` runs all of it."""
