"""Runs `kontora recount`, which compares the counters of lists and analytics with the rows."""

import subprocess


def run_recount(stack, *arguments):
    return subprocess.run([stack.binary, "recount", *arguments], capture_output=True, text=True,
                          timeout=60, check=False, cwd=stack.state_dir, env=stack.env)


def assert_counters_are_exact(stack):
    done = run_recount(stack)
    assert (done.returncode, done.stdout) == (0, "0 wrong\n"), done.stdout + done.stderr
