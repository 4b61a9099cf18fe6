# SPDX-License-Identifier: Apache-2.0
"""What the cases on `ctxtrace census` have in common."""
import json
import os
import subprocess

from e2e import Skip, check, environment, note
from e2e_process import Lines, Process

FAILURES_MAX = 3  # after so many incomplete readings a census gives up (user/agent/census.c)


class Leaks(Process):
    """tests/targets/census_leaks: its only line is the truth; it ends with its input."""

    def __init__(self, command):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        with self.ended_on_failure():
            self.truth = json.loads(self.lines.wait("the truth", lambda line: line.startswith("{"), 60))


def run(*arguments, status=0, prefix=()):
    line = [*prefix, environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    check(done.returncode == status, f"status {done.returncode}, not {status}: {done.stderr[-2000:]}")
    return done


def check_whole(report):
    """Read completely, as often as a verdict takes, and it did not give up. How many readings met what they could not
    judge, and were made again, is noted and returned."""
    quality = report["quality"]
    check(quality["verdict"] == "complete" and quality["scans"] >= 2, f"not read completely: {quality}")
    return note_failed(quality)


def check_whole_stopped(report):
    """One complete reading of a program that stood still, made again as one of a running program would be."""
    quality = report["quality"]
    check(quality["verdict"] == "complete" and quality["scans"] == 1, f"not one complete reading: {quality}")
    return note_failed(quality)


def note_failed(quality):
    check(quality["failed_scans"] < FAILURES_MAX, f"it gave up: {quality}")
    if quality["failed_scans"]:
        note(f"{quality['failed_scans']} readings were made again")
    return quality["failed_scans"]


def need_memory():
    """Reading another process takes CAP_SYS_PTRACE, or the kernel's leave to read one's own."""
    if os.geteuid() != 0:
        raise Skip("reads the memory of processes that it did not start; root is needed")
