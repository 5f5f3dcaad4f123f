"""Waiting: for a condition, never for a time."""

import time


PATIENCE_S = 30  # for a busy machine: how long it may take is for the test to measure where it matters


def wait_until(condition, patience_s=PATIENCE_S, what="the condition", interval_s=0.02):
    """The first true value of `condition()`."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come in {patience_s} s"
        time.sleep(interval_s)
