# SPDX-License-Identifier: Apache-2.0
"""`census --stop`: one reading of a program that stands still is a proof; and nothing of the stop stays behind."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, note, wait_for
from e2e_census import check_whole_stopped
from e2e_go import DEFAULT, VERSIONS, build
from e2e_process import Process, Target, demo
from test_census import Leaks, need_memory, run
from test_go_memory import with_profile

STRIPPED = ("-trimpath", "-ldflags=-s -w")
HIDDEN_MAX = 3
NEVER = dict(os.environ, GOGC="off")


def state(pid):
    """(state, tracer) of every thread."""
    seen = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        words = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        seen.add((words["State"].split()[0], int(words["TracerPid"])))
    return seen


def stopped_census(pid, *options, status=0):
    return run("census", "-p", pid, "--stop", "-f", "json", *options, status=status)


def found(report):
    return {(f["kind"], *sorted(f["retained_by"])): f["count"] for f in report["findings"]}


def expect_hidden(seen, wanted):
    """Nothing more than was lost, and next to all of it. @return how many are missing."""
    hidden = [count - found(seen).get(kind, 0) for kind, count in wanted.items()]
    check(found(seen).keys() == wanted.keys() and all(0 <= few <= HIDDEN_MAX for few in hidden),
          f"found {found(seen)}, wanted {wanted}")
    return sum(hidden)


def expect_exact(target, held, lost, lost_time=0):
    """One census, everything right. @return how long the target stood still, and how many losses a stale word hid.

    Any word may be a pointer, so now and then a lost one looks reached; never may a held one look lost.
    """
    done = stopped_census(target.pid)
    seen = json.loads(done.stdout)
    wanted = {("lost-cancel", "parent"): lost} if lost else {}
    if lost_time:
        wanted[("leaked-timer", "parent", "timer")] = lost_time
    hidden = expect_hidden(seen, wanted)
    check(all(f["confidence"] == "confirmed" for f in seen["findings"]), f"not proven: {seen['findings']}")
    check(seen["contexts"]["live"] == held + lost + lost_time + 1, f"live {seen['contexts']['live']}")
    check(seen["undecided"] == [], f"undecided: {seen['undecided']}")
    check_whole_stopped(seen)
    paused = seen["quality"]["paused_s"]
    check(paused and "the program stood still for" in done.stderr, f"paused {paused}: {done.stderr}")
    return paused, hidden


def exact(version=DEFAULT, flags=(), rounds=1, collects=False):
    need_memory()
    command = [build("./go_still", version, flags), "-lost-time", 600, "-lost", 4000]
    command += [] if collects else ["-allocates=false"]
    with Target(command, env=None if collects else NEVER) as target:
        seen = [expect_exact(target, 10000, 4000, 600) for _ in range(rounds)]
        check({tracer for _, tracer in state(target.pid)} == {0}, f"still traced: {state(target.pid)}")
        truth = target.end()
    pauses, exact_ones = [paused for paused, _ in seen], sum(not hidden for _, hidden in seen)
    note(f"{exact_ones} of {rounds} exact, the others hid {sum(hidden for _, hidden in seen)} in all; "
         f"stood still for {min(pauses):.3f} to {max(pauses):.3f} s; {truth['moves']} moves")


@case("go1.26")
def go1_26():
    exact(rounds=10)


@case("go1.26_collecting")
def go1_26_collecting():
    """With collections under way: spans in the middle of being swept, allocation bits in the middle of being replaced."""
    exact(rounds=25, collects=True)


@case("go1.21_stripped")
def go1_21_stripped():
    exact(VERSIONS["1.21"], STRIPPED)


@case("go1.23_pie")
def go1_23_pie():
    exact(VERSIONS["1.23"], ("-buildmode=pie",))


@case("go1.25_collecting")
def go1_25_collecting():
    exact(VERSIONS["1.25"], rounds=5, collects=True)


@case("go1.27")
def go1_27():
    exact(VERSIONS["1.27"], rounds=5, collects=True)


@case("fates")
def fates():
    """Contexts of every fate, as the census of a running program finds them after two collections."""
    need_memory()
    with Leaks([build("./census_leaks")]) as target:
        seen = json.loads(stopped_census(target.pid).stdout)
        check_whole_stopped(seen)
        truth = target.truth
        expect_hidden(seen, {("lost-cancel", "parent"): truth["lost"] + truth["wrapped"],
                             ("leaked-timer", "parent", "timer"): truth["lost_time"],
                             ("lost-cancel", "goroutine"): truth["foreign"]})
        check(seen["contexts"]["live"] == truth["live"] + 1, f"live {seen['contexts']['live']} of {truth['live']}")


@case("running_never_wrong")
def running_never_wrong():
    """The running program may be told too little of, never too much; see go1.26 for what the stop adds."""
    need_memory()
    with Target([build("./go_still"), "-lost", 0]) as target:
        for _ in range(10):
            seen = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            check(seen["findings"] == [], f"held ones were accused: {found(seen)}")


def expect_silence(target, rounds):
    for _ in range(rounds):
        seen = json.loads(stopped_census(target.pid).stdout)
        check_whole_stopped(seen)
        check(seen["findings"] == [], f"correct code was accused: {seen['findings']}")
        check(seen["contexts"]["live"] > 0, "nothing was seen")


@case("correct_busy")
def correct_busy():
    """Goroutines in the middle of making and ending contexts at every instruction: none of them is a loss."""
    need_memory()
    # New stacks of 2 KB, whatever the program's stacks had in the past: they are copied in the middle of creators.
    small_stacks = dict(os.environ, GODEBUG="adaptivestackstart=0")
    for how, goroutines, rounds in (("-busy", 4, 40), ("-busy", 500, 10), ("-growing", 8, 40)):
        with Target([build("./go_waiting"), how, goroutines], env=small_stacks) as target:
            target.tell("go")
            expect_silence(target, rounds)


@case("correct_server")
def correct_server():
    need_memory()
    with Target([build("./go_server"), "-rate", 1000]) as target:
        for _ in range(15):
            seen = json.loads(stopped_census(target.pid).stdout)
            check_whole_stopped(seen)
            check(seen["findings"] == [], f"correct code was accused: {seen['findings']}")
            check(seen["contexts"]["live"] > 10, "the server's contexts are missing")
        truth = target.end()
    check(truth["errors"] == 0, f"the server failed {truth['errors']} times")


@case("correct_pgo")
def correct_pgo():
    """Where creators are inlined a cancel function may be in a register, or nowhere while its maker runs."""
    need_memory()
    for version in (VERSIONS["1.21"], DEFAULT):
        program = with_profile(version)
        with Target([program]) as target:
            target.tell("go")
            expect_silence(target, 5)
        with Target([program, "-hot"]) as target:
            expect_silence(target, 30)


def kill_in_the_middle(target, agent):
    """Kill it when the target's threads are held. @return whether that was so."""
    end = time.monotonic() + 30
    while agent.is_running() and time.monotonic() < end:
        if any(tracer == agent.pid for _, tracer in state(target.pid)):
            agent.signal(signal.SIGKILL)
            agent.wait()
            return agent.process.returncode == -signal.SIGKILL
    return False


def moves_on(target):
    """It runs: all threads are free, and it does what it is told."""
    wait_for("all threads to run", lambda: not any(tracer or seen in "Tt" for seen, tracer in state(target.pid)), 20)
    target.tell("anything")


@case("agent_killed")
def agent_killed():
    """kill -9 of ctxtrace in the middle of the stop, ten times: the target runs on."""
    need_memory()
    with Target([build("./go_still"), "-depth", 19]) as target:
        hits = 0
        for _ in range(60):
            with Process([environment("CTXTRACE_BIN"), "census", "-p", target.pid, "--stop"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
                hits += kill_in_the_middle(target, agent)
            moves_on(target)
            if hits == 10:
                break
        note(f"killed in the middle of the stop {hits} times")
        check(hits == 10, f"only {hits} of 60 were caught in the stop")
        expect_exact(target, 10000, 5000)
        target.end()


@case("replayed")
def replayed():
    need_memory()
    with Target([build("./go_still"), "-allocates=false"], env=NEVER) as target:
        kept = pathlib.Path(environment("E2E_CACHE")) / f"stopped-{os.getpid()}.ctx"
        try:
            text = run("census", "-p", target.pid, "--stop", "--record", kept, "--fail-on", "leak", status=1).stdout
            check("the program stood still for" in text and "while the program stood still" in " ".join(text.split()),
                  f"text: {text}")
            check(max(map(len, text.splitlines())) <= 100, "a line is longer than 100 columns")
            again = run("replay", kept).stdout
            check(again == text, f"the replay differs:\n{again}")
        finally:
            kept.unlink(missing_ok=True)


def expect_refusal(done, *words):
    lines = done.stderr.splitlines()
    check(not done.stdout and len(lines) == 1 and all(word in lines[0] for word in words), f"said {done.stderr}")


@case("refused")
def refused():
    need_memory()
    with Target([build("./go_still")]) as target:
        target.signal(signal.SIGSTOP)
        wait_for("the stop", lambda: all(seen in "Tt" for seen, _ in state(target.pid)), 20)
        expect_refusal(stopped_census(target.pid, status=3), "stopped already", f"kill -CONT {target.pid}")
        check(all(seen == "T" for seen, _ in state(target.pid)), "it was to stay as it was")
        target.signal(signal.SIGCONT)
        tracer = subprocess.Popen([sys.executable, "-c", TRACER, str(target.pid)], stdout=subprocess.PIPE, text=True)
        with tracer:
            check(tracer.stdout.readline().strip() == "0", "the other tracer failed")
            expect_refusal(stopped_census(target.pid, status=3), "traced already", str(tracer.pid))
            tracer.kill()
        moves_on(target)
        expect_exact(target, 10000, 5000)
    with demo("service") as target:
        expect_refusal(stopped_census(target.pid, status=3), "Go program")
    for line in (["-p", os.getpid(), "--stop"], ["census", "-p", os.getpid(), "--stop", "--watch", "1s"], ["check", "--stop"], ["run", "--stop", "--", "/bin/true"]):
        done = run(*line, status=2)
        check("--stop" in done.stderr and not done.stdout, done.stderr)


TRACER = """
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
print(libc.ptrace(0x4206, int(sys.argv[1]), None, None), flush=True)  # PTRACE_SEIZE
time.sleep(60)
"""


if __name__ == "__main__":
    main()
