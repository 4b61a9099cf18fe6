# SPDX-License-Identifier: Apache-2.0
"""Processes of a test: a traced program that tells its own truth, and ctxtrace watching it."""
import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from e2e import Failed, check, environment, note, wait_for
from e2e_report import Report

WATCHING = re.compile(r"^ctxtrace: watching (\d+) \((\d+) probes?, \d+ ms\)$")
ATTACH_SECONDS = 60
END_SECONDS = 60


class Lines:
    """Reads a pipe to its end in a thread, so that nobody ever blocks on a full one."""

    def __init__(self, pipe):
        self.all, self._new = [], queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                self.all.append(line.rstrip("\n"))
                self._new.put(self.all[-1])
        self._new.put(None)

    def wait(self, what, is_wanted, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._new.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Failed(f"waited {seconds:g} s for {what}; came: {self.all[-20:]}") from None
            if line is None:
                raise Failed(f"the end came instead of {what}; came: {self.all[-20:]}")
            if is_wanted(line):
                return line

    def finish(self):
        self._thread.join(END_SECONDS)
        return self.all

    def finish_line(self, is_wanted):
        """The only line of its kind, after the end."""
        wanted = [line for line in self.finish() if is_wanted(line)]
        check(len(wanted) == 1, f"{len(wanted)} lines instead of one; came: {self.all[-20:]}")
        return wanted[0]


class Process:
    """Ends what it started, whatever happens; used as a context manager."""

    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        note("+ " + " ".join(self.command))
        self.process = subprocess.Popen(self.command, text=True, errors="replace", **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def ended_on_failure(self):
        """For constructors: whoever gets no object can end nothing, and a process left over keeps ctest waiting."""
        try:
            yield
        except BaseException:
            self.__exit__()
            raise

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=END_SECONDS):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[0]} did not end within {seconds} s") from None

    def is_running(self):
        return self.process.poll() is None

    def signal_until_gone(self, number, seconds=END_SECONDS):
        """Once more whenever half a second has passed: on a busy machine one may come before the last was heeded."""
        for _ in range(2 * seconds):
            if not self.is_running():
                return
            self.signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)


class Target(Process):
    """A traced program: its first line has its pid, its last line is its ground truth as JSON."""

    def __init__(self, command, **options):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.lines = Lines(self.process.stdout)
        with self.ended_on_failure():
            self.lines.wait("the target's first line", lambda line: str(self.pid) in line.split(), 30)

    def tell(self, command, seconds=120):
        """Send one command and wait until it was done."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.lines.wait(f"the answer to {command}", lambda line: line == f"ok {command}", seconds)

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self):
        """SIGTERM, then its ground truth."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        lines = self.lines.finish()
        check(status == 0, f"the target ended with {status}: {lines[-5:]}")
        truth = json.loads(lines[-1])
        note(f"truth {json.dumps(truth)[:600]}")
        return truth


def demo(*arguments):
    return Target([environment("CTXDEMO_BIN"), *arguments])


def c_target(*arguments):
    """The C program that does what it is told: tests/targets/c_target.c."""
    return Target([environment("E2E_C_BIN"), *arguments])


class Agent(Process):
    """ctxtrace as a user starts it; the report as JSON goes to a file of its own, the text report to output."""

    def __init__(self, *arguments, pid=None, env=None, run=None, command="watch", wait=True, relative=False,
                 stdout=subprocess.PIPE, **options):
        """relative: run in self.directory, so that file names among the arguments are there. options: Popen's."""
        self.directory = tempfile.mkdtemp(prefix="ctxtrace-e2e-")
        self.json_path = os.path.join(self.directory, "report.json")
        line = [environment("CTXTRACE_BIN")] + ([command] if command != "watch" else [])
        line += ["-p", pid] if pid else []
        line += ["-f", f"json={self.json_path}", *arguments]
        line += ["--", *run] if run else []
        super().__init__(line, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                         env={**os.environ, **(env or {})}, cwd=self.directory if relative else None, **options)
        self.output = Lines(self.process.stdout) if stdout == subprocess.PIPE else None
        self.errors = Lines(self.process.stderr)
        self.probes = None
        if wait:
            with self.ended_on_failure():
                self.wait_watching()

    def __exit__(self, *reason):
        super().__exit__(*reason)
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_watching(self):
        line = self.errors.wait("`ctxtrace: watching PID (N probes, T ms)`", WATCHING.match, ATTACH_SECONDS)
        self.probes = int(WATCHING.match(line).group(2))
        note(line)

    def stop(self, number=signal.SIGINT, expect=0):
        """Ctrl-C, and the report."""
        began = time.monotonic()
        self.signal(number)
        report = self.finish(expect)
        note(f"the report came {time.monotonic() - began:.2f} s after the signal")
        return report

    def stop_when_found(self, kind, age):
        """Ctrl-C once it is announced and all that was made before this call is older than --min-age, in seconds."""
        old_enough = time.monotonic() + age
        self.errors.wait(f"the {kind}", lambda line: kind in line, END_SECONDS)
        wait_for("the youngest to be old enough", lambda: time.monotonic() > old_enough, age + END_SECONDS)
        return self.stop()

    def finish(self, expect=0, seconds=END_SECONDS):
        status = self.wait(seconds)
        errors = self.errors.finish()
        check(status == expect, f"ctxtrace ended with {status}, not {expect}: {errors[-20:]}")
        with open(self.json_path, encoding="utf-8") as file:
            text = file.read()
        report = Report(text, self.errors.all)
        note(report.summary())
        return report


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0]


class Waits:
    """Used as a context manager: how long a process was ready to run meanwhile and had no processor, by the kernel."""
    PAUSE_S = 0.05

    def __init__(self, pid):
        self.pid, self._looks, self._is_over = pid, [], threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def _look_on(self):
        while not self._is_over.wait(self.PAUSE_S):
            self._look()

    def _look(self):
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
                self._looks.append((time.monotonic(), int(file.read().split()[1]) / 1e9))

    def __enter__(self):
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_):
        end = time.monotonic() + 10
        with contextlib.suppress(OSError):
            while state(self.pid) == "R" and time.monotonic() < end:  # a wait is counted when it is over
                time.sleep(self.PAUSE_S)
        self._is_over.set()
        self._thread.join()
        self._look()

    def worst(self, seconds=1):
        """The most within so much time."""
        grown, first = 0, 0
        for at, waited in self._looks:
            while first + 1 < len(self._looks) and self._looks[first + 1][0] <= at - seconds:
                first += 1
            grown = max(grown, waited - self._looks[first][1])
        return grown


ATTEMPTS, WAITED_S = 3, 0.2  # under the fastest load the ring is full after so long without a reader


def complete(attempt):
    """(report, ...) of attempt(), which returns (report, Waits of ctxtrace under load, ...): nothing was dropped. If
    something was and ctxtrace had no processor for so long that nobody could have read all, the attempt is void."""
    for number in range(1, ATTEMPTS + 1):
        report, waits, *rest = attempt()
        dropped = sum(report["quality"]["dropped"].values())
        note(f"{dropped} dropped; ctxtrace waited for a processor {waits.worst():.3f} s in the worst second")
        if not dropped or waits.worst() <= WAITED_S or number == ATTEMPTS:
            break
        note(f"attempt {number} is void")
    report.expect_complete()
    return report, *rest


class FullPipe:
    """Nobody reads it: who writes there waits. `end` is its end to write to."""

    def __init__(self):
        self.reader, self.end = os.pipe()
        os.set_blocking(self.end, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.end, b"x" * 4096)
        os.set_blocking(self.end, True)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        os.close(self.reader)
        os.close(self.end)


RECORDING = "recording.ctx"


def check_replay(agent, report):
    """A recording that was made with ("--record", RECORDING) and relative=True gives the same report, byte for byte."""
    check(replay(os.path.join(agent.directory, RECORDING)) == report.text, "the replay differs")


def replay(recording, *arguments, form="json"):
    """The report of a recording, as text."""
    line = [environment("CTXTRACE_BIN"), "replay", recording, "-f", form, *arguments]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == 0, f"replay ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
