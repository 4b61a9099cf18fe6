# SPDX-License-Identifier: Apache-2.0
"""`run`: the command from its first instruction to its status; and the exit statuses of design section 2, each one."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Failed, Skip, case, check, environment, main, need_bpf, note, wait_for
from e2e_go import DEFAULT, VERSIONS, build, build_test, cache
from e2e_go import run_go as go_command
from e2e_process import Agent, Process


def run(*options, commands="", program=None):
    """Run target_c under ctxtrace with these lines as its input. @return what subprocess.run() returns."""
    line = [environment("CTXTRACE_BIN"), "run", *options, "--", *(program or [environment("E2E_C_BIN")])]
    return subprocess.run(line, input=commands, capture_output=True, text=True, timeout=60, check=False)


def expect(done, status):
    check(done.returncode == status, f"{done.args}: status {done.returncode}, not {status}: {done.stderr[-1500:]}")
    return done


def is_alive(pid):
    """Not gone, and no zombie either: not every init reaps orphans."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@case("transparent")
def transparent():
    """Input and output are the command's own; with -o nothing of ctxtrace is between them."""
    need_bpf()
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.json")
        done = expect(run("-f", f"json={report}", commands="pairs 100\nend\n"), 0)
        lines = done.stdout.splitlines()
        check(lines[0].startswith("ready ") and lines[1:3] == ["ok pairs 100", "ok end"], f"its output: {lines}")
        truth = json.loads(lines[3])
        check(len(lines) == 4, f"something was mixed into its output: {lines}")
        contexts = json.loads(pathlib.Path(report).read_text(encoding="utf-8"))["contexts"]
        # From the first instruction: the program's own context, made before "ready", is seen as well.
        check(contexts["created"] == truth["created"] + 1, f"{contexts} and {truth}")
        check(contexts["ended"]["explicit"] == truth["explicit"], f"{contexts} and {truth}")


@case("statuses")
def statuses():
    """The command's own failure first; then findings; then loss; nothing of it when all is well."""
    need_bpf()
    leak = "lose 30\nwait 2500\nend\n"
    well = "pairs 30\nwait 1500\nend\n"
    expect(run(commands=well), 0)
    expect(run(commands=leak), 1)  # --fail-on leak and --min-age 1s are what `run` starts with
    expect(run("--exit-code", "42", commands=leak), 42)
    expect(run("--exit-code", "0", commands=leak), 0)
    expect(run("--fail-on", "none", commands=leak), 0)
    expect(run("--fail-on", "todo-root", commands=leak), 0)
    expect(run("--min-age", "1h", commands=leak), 0)
    expect(run(commands=leak.replace("end", "exit 7")), 7)  # its own failure before the leak
    expect(run("--strict", commands=well), 0)
    for program, status in ((["/nonexistent/command"], 127), (["no-such-command-anywhere"], 127), (["/etc/passwd"], 126),
                            (["/"], 126)):
        done = expect(run(program=program), status)
        check(done.stdout == "" and len(done.stderr.splitlines()) == 1 and program[0] in done.stderr, f"{done}")
    done = expect(run(program=["/bin/sleep", "60"]), 3)
    check(done.stdout == "" and len(done.stderr.splitlines()) == 1 and "sleep" in done.stderr, f"{done}")


@case("starters")
def starters():
    """A script, a shell, env: one line, which says that the program itself is to be named. With -p nothing of it."""
    need_bpf()
    remedy = "run watches only the process it starts: if {} starts the program that is meant"
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory) / "script.sh"
        script.write_text('#!/bin/sh\nexec "$1" leak\n', encoding="ascii")
        script.chmod(0o755)
        target = environment("E2E_C_BIN")
        for program in ([str(script), target], ["sh", "-c", target], ["env", "A=1", target]):
            done = expect(run(program=program), 3)
            check(done.stdout == "" and len(done.stderr.splitlines()) == 1, f"{done}")
            check("neither a Go program nor" in done.stderr and remedy.format(program[0]) in done.stderr and
                  "name the program itself" in done.stderr and "Go 1.17 to 1.27" in done.stderr, done.stderr)
    with Process(["/bin/sleep", "60"]) as process:
        done = subprocess.run([environment("CTXTRACE_BIN"), "-p", str(process.pid)], capture_output=True, text=True,
                              timeout=60, check=False)
    expect(done, 3)
    check("neither a Go program nor" in done.stderr and "name the program" not in done.stderr, done.stderr)


@case("killed_by")
def killed_by():
    """128 and the number of the signal, before the leak that was found."""
    need_bpf()
    for number in (signal.SIGKILL, signal.SIGSEGV):
        done = expect(run(commands=f"lose 30\nwait 1500\nraise {int(number)}\n"), 128 + number)
        check("LEAK lost-cancel" in done.stdout, f"the report is there all the same: {done.stdout[-1000:]}")


@case("strict")
def strict():
    """4 when events were lost and nothing else is to be said; 1 comes first."""
    need_bpf()
    os.environ["CTXTRACE_RING_BYTES"] = "4096"
    lossy = "pairs 400000\nend\n"
    done = expect(run("--strict", commands=lossy), 4)
    check("incomplete" in done.stdout, f"the text report says: {done.stdout[:500]}")
    expect(run(commands=lossy), 0)
    expect(run("--strict", commands=lossy.replace("end", "exit 9")), 9)


@case("outlived")
def outlived():
    """A command that outlives --duration runs on untraced; one that ends before it has its status told."""
    need_bpf()
    with tempfile.TemporaryDirectory() as directory:
        line = [environment("CTXTRACE_BIN"), "run", "-d", "1s", "-o", os.path.join(directory, "report"), "--",
                environment("E2E_C_BIN"), "busy"]
        with open(os.path.join(directory, "errors"), "w+", encoding="utf-8") as errors, \
                subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as done:
            pid = int(done.stdout.readline().split()[1])
            check(done.wait(60) == 0, f"status {done.returncode}")
            check(is_alive(pid), "the command was to run on")
            done.stdin.write("end\n")
            done.stdin.flush()
            wait_for("the command to end by itself", lambda: not is_alive(pid), 10)
    for _ in range(5):  # the event of its exit comes before it is a zombie
        expect(run("-d", "50s", commands="exit 5\n"), 5)


@case("signals")
def signals():
    """What is sent to ctxtrace reaches the command; its good end is a good end."""
    need_bpf()
    for number in (signal.SIGINT, signal.SIGTERM):
        with Agent(command="run", run=[environment("CTXDEMO_BIN"), "service"]) as agent:
            agent.output.wait("the command's first line", lambda line: line.startswith("ctxdemo"), 10)
            began = time.monotonic()
            report = agent.stop(number)
            check(time.monotonic() - began < 10, "it did not end soon")
            report.expect(report["window"]["end"] == "signal", f"window: {report['window']}")
            agent.output.finish_line(lambda line: line.startswith('{"scenario"'))


@case("agent_dies_first")
def agent_dies_first():
    """kill -9 of ctxtrace: the command lives on."""
    need_bpf()
    with Agent(command="run", run=[environment("CTXDEMO_BIN"), "service"]) as agent:
        line = agent.output.wait("the command's first line", lambda line: line.startswith("ctxdemo"), 10)
        pid = int(line.split()[2])
        agent.signal(signal.SIGKILL)
        agent.process.wait()
        try:
            until = time.monotonic() + 1
            wait_for("a second", lambda: time.monotonic() > until, 5)
            check(is_alive(pid), "the command went with ctxtrace")
        finally:
            os.kill(pid, signal.SIGKILL)


def run_go(command, *options, env=None, status=0):
    """@return the report of a Go command, which may end before any reading of the running program."""
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.json")
        line = [environment("CTXTRACE_BIN"), "run", "-f", f"json={report}", *options, "--",
                *[str(word) for word in command]]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False,
                              env=dict(os.environ, GOGC="off", **(env or {})))
        expect(done, status)
        return json.loads(pathlib.Path(report).read_text(encoding="utf-8"))


def expect_last_word(report, leaks, kind="lost-cancel"):
    """Proven, or silent and nothing left undecided, by the reading at the exit. A stale word may hide one or two."""
    found = [(f["kind"], f["severity"], f["confidence"]) for f in report["findings"]]
    check(found == ([(kind, "leak", "confirmed")] if leaks else []), f"found {found}, {leaks} were lost")
    check(not leaks or leaks - 2 <= report["findings"][0]["count"] <= leaks, f"not {leaks}: {report['findings']}")
    check(report["undecided"] == [], f"undecided: {report['undecided']}")
    check(report["quality"]["paused_s"] and report["window"]["end"] == "target-exit",
          f"not read at its exit: {report['quality']} {report['window']}")
    for finding in report["findings"]:
        check(not finding["site"]["unknown"] and finding["site"]["frames"], f"no site: {finding}")


@case("last_word")
def last_word():
    """A Go program that never collected is judged at its exit, however it leaves; its status stays its own."""
    need_bpf()
    for version in (VERSIONS["1.21"], VERSIONS["1.23"], DEFAULT, VERSIONS["1.27"]):
        program = build("./go_ends", version)
        for how, status in (("exit", 3), ("return", 0), ("panic", 2), ("term", 143), ("nil", 2)):
            expect_last_word(run_go([program, how, "leak"], status=status or 1), 30)
            expect_last_word(run_go([program, how, "held"], status=status), 0)


NO_RACE_BUILD = ("requires cgo", "C compiler", "exec: \"gcc\"", "-race is only supported on", "cgo: ")


def with_race(make):
    """@return the program that `make` has built with the race detector, which needs cgo and a C compiler."""
    try:
        program = make()
    except Failed as failed:
        if any(sign in str(failed) for sign in NO_RACE_BUILD):
            raise Skip(f"no race build can be made here: {str(failed).strip().splitlines()[-1]}") from failed
        raise
    done = subprocess.run([program, "return", "held"], capture_output=True, text=True, timeout=60, check=False)
    if "FATAL: ThreadSanitizer" in done.stderr:
        raise Skip(f"a race build does not run here: {done.stderr.strip().splitlines()[0]}")
    return program


def race_test(package, version):
    """A package's test binary with the race detector."""
    out = cache() / f"{package}-{version}-race.test"
    go_command(["test", "-c", "-race", "-o", str(out), f"./{package}"], version)
    return out


@case("race_build")
def race_build():
    """The race detector takes the good ends past runtime.exit, the bad ones not: proven as the plain build is."""
    need_bpf()
    for version, strip in (("1.21", False), ("1.24", False), ("1.26", True), ("1.27", False)):
        release = VERSIONS[version]
        race = with_race(lambda v=release, s=strip: build("./go_ends", v, flags=("-race",), strip=s))
        for program in (build("./go_ends", release, strip=strip), race):
            for how, status in (("exit0", 0), ("exit1", 1), ("return", 0)):
                expect_last_word(run_go([program, how, "leak"], status=status or 1), 30)
                expect_last_word(run_go([program, how, "held"], status=status), 0)
        for how, status in (("panic", 2), ("term", 143)):
            expect_last_word(run_go([race, how, "leak"], status=status), 30)


@case("race_build_short_record")
def race_build_short_record():
    """Of Go 1.18 and 1.19: the last function record of their pclntab, crosscall2's, has nothing behind it."""
    need_bpf()
    for version in (VERSIONS["1.18"], VERSIONS["1.19"]):
        program = with_race(lambda v=version: build("./go_ends", v, flags=("-race",)))
        expect_last_word(run_go([program, "return", "leak"], status=1), 30)
        expect_last_word(run_go([program, "return", "held"], status=0), 0)


@case("race_test_binary")
def race_test_binary():
    """What `go test -race -c` makes."""
    need_bpf()
    for version in (VERSIONS["1.21"], DEFAULT, VERSIONS["1.27"]):
        program = with_race(lambda v=version: race_test("go_tested", v))
        expect_last_word(run_go([program], env={"CTX_LEAK": "1"}, status=1), 20, "leaked-timer")
        expect_last_word(run_go([program], env={"CTX_LEAK": "0"}), 0)


@case("last_word_missed")
def last_word_missed():
    """SIGKILL passes no place where the program could be held: as before, and its status is its own."""
    need_bpf()
    report = run_go([build("./go_ends"), "kill", "leak"], status=137)
    check(report["findings"] == [] and report["quality"]["paused_s"] is None, f"{report['findings']}")


@case("last_word_perf_links")
def last_word_perf_links():
    need_bpf()
    expect_last_word(run_go([build("./go_ends"), "exit", "leak"], env={"CTXTRACE_FORCE_PERF": "1"}, status=3), 30)


@case("last_word_min_age")
def last_word_min_age():
    """Who chooses an age means it."""
    need_bpf()
    check(run_go([build("./go_ends"), "return", "leak"], "--min-age", "1m")["findings"] == [], "younger than a minute")


@case("test_binary")
def test_binary():
    """What `go test -c` makes: short, and never a collection."""
    need_bpf()
    for version in (VERSIONS["1.21"], DEFAULT):
        program = build_test("./go_tested", version)
        expect_last_word(run_go([program], env={"CTX_LEAK": "1"}, status=1), 20, "leaked-timer")
        expect_last_word(run_go([program], env={"CTX_LEAK": "0"}), 0)


@case("last_word_signal")
def last_word_signal():
    """A signal to ctxtrace ends the command too: what it leaves is still read, if it ends within a second."""
    need_bpf()
    for _ in range(3):
        with Agent(command="run", run=[build("./go_ends"), "wait", "leak"]) as agent:
            agent.output.wait("the command's first line", lambda line: line.startswith("ready"), 20)
            report = agent.stop(signal.SIGINT, expect=130)
        if report["quality"]["paused_s"] is not None:
            break
        note("it was not held at its exit: once more")
    found = [f["kind"] for f in report["findings"]]
    check(found == ["lost-cancel"] and 28 <= report["findings"][0]["count"] <= 30, f"found {report['findings']}")


def held(agent):
    """The child of ctxtrace while it is held at its exit, or 0."""
    for child in pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text(encoding="ascii").split():
        try:
            stat = pathlib.Path(f"/proc/{child}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if stat.rpartition(")")[2].split()[0] == "T" and "(go_ends" in stat:
            return int(child)
    return 0


def kill_while_held(program):
    """@return the child, when ctxtrace was killed while it was held at its exit; else 0."""
    line = [environment("CTXTRACE_BIN"), "run", "-q", "--", str(program), "exit", "leak"]
    with Process(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        end = time.monotonic() + 30
        while agent.is_running() and time.monotonic() < end:
            try:
                child = held(agent)
            except OSError:
                return 0
            if child:
                agent.signal(signal.SIGKILL)
                agent.wait()
                return child if agent.process.returncode == -signal.SIGKILL else 0
    return 0


@case("agent_dies_last")
def agent_dies_last():
    """kill -9 of ctxtrace while the command is held at its exit: it ends by itself."""
    need_bpf()
    program, hits = build("./go_ends"), 0
    for _ in range(60):
        child = kill_while_held(program)
        if child:
            wait_for("the command to end by itself", lambda pid=child: not is_alive(pid), 20)
            hits += 1
        if hits == 5:
            break
    check(hits == 5, f"only {hits} of 60 were caught at their exit")


if __name__ == "__main__":
    main()
