# SPDX-License-Identifier: Apache-2.0
"""On a terminal: the status line, colours, Ctrl-C as a person types it. Each case has a pseudo-terminal of its own."""
import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Failed, case, check, environment, main, need_bpf, note
from e2e_process import FullPipe, c_target

CTRL_C = b"\x03"
STATUS = re.compile(r"\r\x1b\[K([\d.]+ m?s)  ([\d,]+) events/s  ([\d,]+) live  (\d+) findings  ([\d,]+) lost")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Terminal:
    """A program with a terminal of its own as standard input, output, error and controlling terminal."""

    def __init__(self, *arguments, env=None):
        line = [environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
        note("+ (on a terminal) " + " ".join(line))
        variables = {**os.environ, "TERM": "xterm", **(env or {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(line[0], line, variables)
        self.text, self.status = "", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, seconds):
        """@return False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, what, is_there, seconds=20):
        end = time.monotonic() + seconds
        while not is_there(self.text):
            check(time.monotonic() < end, f"waited {seconds} s for {what}; on the terminal: {self.text[-800:]!r}")
            if not self._read(0.05) and not is_there(self.text):
                raise Failed(f"the end came instead of {what}: {self.text[-800:]!r}")

    def type(self, keys):
        os.write(self.fd, keys)

    def stays(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            check(self._read(0.05), f"it has ended: {self.text[-800:]!r}")

    def type_until_gone(self, keys, seconds=30):
        """Once more whenever half a second has passed without an end."""
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):  # gone
            while time.monotonic() < end:
                self.type(keys)
                pause = time.monotonic() + 0.5
                while time.monotonic() < pause:
                    if not self._read(0.05):
                        return

    def finish(self, status, seconds=30):
        end = time.monotonic() + seconds
        while self._read(0.05):
            check(time.monotonic() < end, f"it did not end: {self.text[-800:]!r}")
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        check(self.status == status, f"status {self.status}, not {status}: {self.text[-800:]!r}")
        return self.text


def is_watching(text):
    return "ctxtrace: watching" in text


@contextlib.contextmanager
def watched(*arguments, env=None):
    """(target, terminal on which ctxtrace watches it)."""
    need_bpf()
    with c_target() as target, Terminal("-p", target.pid, "--min-age", "1s", *arguments, env=env) as terminal:
        terminal.wait_for("`watching`", is_watching)
        yield target, terminal


def shown(text):
    """What stands on the screen at the end: each line as it was last written."""
    lines = [re.split(r"\r\x1b\[K|\r", line)[-1] for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines)


@case("status_line")
def status_line():
    """Rate, live, findings so far, losses, redrawn in place; wiped before the report."""
    with watched() as (target, terminal):
        target.tell("pairs 3000")
        terminal.wait_for("a rate", lambda text: any(m[1] != "0" for m in STATUS.findall(text)))
        target.tell("lose 25")
        terminal.wait_for("25 live and their parent", lambda text: any(m[2] == "26" for m in STATUS.findall(text)))
        terminal.wait_for("a finding", lambda text: any(m[3] == "1" for m in STATUS.findall(text)))
        # once a second it is drawn anew
        terminal.wait_for("three status lines", lambda text: len(STATUS.findall(text)) >= 3)
        terminal.type(CTRL_C)
        text = terminal.finish(0)
    check(all(m[4] == "0" for m in STATUS.findall(text)), "nothing was lost")
    screen = shown(text)
    check("events/s" not in screen, f"the status line is still there: {screen}")
    told = [line for line in screen.splitlines() if line.startswith("ctxtrace: leak lost-cancel at lose")]
    check(len(told) == 1, f"the finding stands on a line of its own, once: {screen}")
    check("LEAK lost-cancel" in COLOUR.sub("", screen), f"no report: {screen}")


@case("no_status_line")
def no_status_line():
    """None with -q, and none on a terminal that cannot move its cursor."""
    for arguments, env in ((("-d", "2s"), {"TERM": "dumb"}), (("-d", "2s"), {"TERM": None})):
        with watched(*arguments, env=env) as (_, terminal):
            check("\x1b" not in terminal.finish(0), "escape sequences on such a terminal")
    need_bpf()
    with c_target() as target, Terminal("-p", target.pid, "-q", "-d", "2s") as terminal:
        text = terminal.finish(0)
        check("events/s" not in text and "ctxtrace:" not in text, f"-q, and yet: {text!r}")
        check("contexts" in text, "the report was wanted")


@case("colours")
def colours():
    """The report is coloured on a terminal, plain under NO_COLOR; an empty NO_COLOR means nothing."""
    for env, is_coloured in (({"NO_COLOR": None}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                             ({"TERM": "dumb", "NO_COLOR": None}, False)):
        with watched(env=env) as (target, terminal):
            target.tell("lose 25")
            terminal.wait_for("the finding", lambda text: "leak lost-cancel" in text)
            terminal.type(CTRL_C)
            text = terminal.finish(0)
        check(bool(COLOUR.search(text)) == is_coloured, f"{env}: colours: {COLOUR.findall(text)}")
        check("LEAK lost-cancel" in COLOUR.sub("", text), f"no report: {text[-800:]!r}")


@case("why_beside_status")
def why_beside_status():
    """Lines of --why do not run into the status line."""
    with watched("--why") as (target, terminal):
        for _ in range(3):
            drawn = len(STATUS.findall(terminal.text))
            terminal.wait_for("a status line", lambda text, drawn=drawn: len(STATUS.findall(text)) > drawn)
            target.tell("pairs 2")
        terminal.wait_for("six lines", lambda text: text.count("by make_pairs") == 6)
        terminal.type(CTRL_C)
        screen = shown(terminal.finish(0))
    lines = [line for line in screen.splitlines() if "by make_pairs" in line]
    check(len(lines) == 6 and all(re.match(r"\+\d+\.\d{6} s  explicit  make_pairs ", line) for line in lines),
          f"lines are mixed: {screen}")


@case("interrupted_once")
def interrupted_once():
    """At any moment after `watching`, the very next one included."""
    for _ in range(5):
        with watched() as (target, terminal):
            terminal.type(CTRL_C)
            text = terminal.finish(0)
            check("contexts" in shown(text), f"no report: {text[-800:]!r}")
            target.tell("pairs 1")  # the target did not get it and lives


@case("interrupted_twice")
def interrupted_twice():
    """The report cannot be written, as nobody reads that pipe: the next Ctrl-C ends it."""
    with FullPipe() as pipe, watched("-f", f"text=/proc/{os.getpid()}/fd/{pipe.end}") as (target, terminal):
        terminal.type(CTRL_C)
        terminal.stays(1)
        terminal.type_until_gone(CTRL_C)
        terminal.finish(128 + signal.SIGINT)
        target.tell("pairs 1")


@case("run_interrupted")
def run_interrupted():
    """Ctrl-C on `run`: the command gets it from the terminal, once, and ends well; so does ctxtrace."""
    need_bpf()
    with Terminal("run", "--", environment("CTXDEMO_BIN"), "service") as terminal:
        terminal.wait_for("`watching`", is_watching)
        terminal.wait_for("the command's first line", lambda text: "ctxdemo: pid" in text)
        terminal.type(CTRL_C)
        text = terminal.finish(0)
    check('{"scenario":"service"' in text, "the command had no time to end")
    check("contexts" in shown(text), f"no report: {text[-800:]!r}")


if __name__ == "__main__":
    main()
