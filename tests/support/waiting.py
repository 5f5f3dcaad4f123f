"""Waits for conditions instead of sleeping."""

import time


TIMEOUT_S = 30  # generous for a busy machine; a test that bounds a duration measures it itself


def wait_until(condition, timeout_s=TIMEOUT_S, what="the condition", interval_s=0.02):
    """Waits for the first true value of `condition()` and returns it."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"timed out after {timeout_s} s waiting for {what}"
        time.sleep(interval_s)
