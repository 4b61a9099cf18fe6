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
from e2e import case, check, environment, main, need_bpf, wait_for
from e2e_process import Agent


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


if __name__ == "__main__":
    main()
