"""Waiting: for a condition, never for a time."""

import time


TIMEOUT_S = 30  # generous, for a busy machine: a test that limits a time measures it itself


def wait_until(condition, timeout_s=TIMEOUT_S, what="the condition", interval_s=0.02):
    """The first true value of `condition()`."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come in {timeout_s} s"
        time.sleep(interval_s)
