"""Runs wrk with a fixed number of requests for one path, and counts the responses by status."""

import collections
import re
import signal
import subprocess
from pathlib import Path

THREADS = 2
PATIENCE_S = 30
SCRIPT = Path(__file__).with_name("counted.lua")


class Counted:
    """Sends requests with wrk while its `with` block runs; `statuses` and `answers` are complete
    after the block."""

    def __init__(self, url, path, count, filler="/", connections=32):
        self.wanted, self.connections = count, connections
        self.statuses, self.answers = collections.Counter(), 0
        self.identifiers = {f"counted-{thread}-{number}" for thread in range(THREADS)
                            for number in range(1, count // THREADS + 1)}
        self._command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{PATIENCE_S}s", "-s",
                         str(SCRIPT), url, "--", path, filler, str(count // THREADS)]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *failed):
        if failed[0]:
            self._process.kill()
            self._process.wait()
        else:
            self._read(self._process.stdout)

    def _read(self, output):
        """Reads the output of wrk, which ends when all threads have finished counting or wrk's
        time is over."""
        counted, said = 0, []
        for line in output:
            said.append(line)
            if line.startswith("counted:"):
                counted += 1
                for status, count in re.findall(r"(\d+)=(\d+)", line):
                    self.statuses[int(status)] += int(count)
            if counted == THREADS and line.startswith("counted:"):
                self._process.send_signal(signal.SIGINT)
        self._process.wait()
        assert counted == THREADS, "".join(said)
        self.answers = int(re.fullmatch(r"answers: (\d+)\n", said[-1])[1])
