"""Measures Kontora and references in the same run and prints ratios, which are comparable between
machines, unlike absolute numbers. `make bench` runs all measurements."""
