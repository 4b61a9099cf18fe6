# SPDX-License-Identifier: Apache-2.0
"""
Threads of C programs (tests/targets/threads): those that outlive their request are found at the line of their
pthread_create, all of them; those that live on by design are not spoken of. And a recording says the same again.
"""
import functools
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, wait_for
from e2e_process import Agent, Target, replay
from e2e_report import marked_line

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "targets" / "threads"
# What a finding needs after the state was reached: --grace, and a judgement.
SETTLED_SECONDS = 3

# scenario: kind, severity, function; the line carries the scenario's name.
FOUND = {
    "argument": ("outlives-request", "leak", "handle_argument"),
    "used": ("outlives-request", "leak", "handle_used"),
    "parentage": ("outlives-request", "hint", "handle_parentage"),
    "go": ("outlives-request", "leak", "handle_go"),
    "ignored": ("ignored-cancel", "warning", "start_count"),
}
SILENT = ("pool-at-start", "pool-lazy", "pool-growing", "pool-of-library", "detached", "by-design")


def settle():
    reached = time.monotonic()
    wait_for("findings to be old enough", lambda: time.monotonic() > reached + SETTLED_SECONDS, SETTLED_SECONDS + 60)


def watch(scenario, *arguments, env=None, binary="E2E_THREADS_BIN"):
    """Report and truth of a program that was watched from before it began; and the replay is the report."""
    need_bpf()
    with Target([environment(binary), scenario]) as target:
        with Agent("--min-age", "1s", "--grace", "1s", "--record", "threads.rec", *arguments, pid=target.pid,
                   relative=True, env=env) as agent:
            target.tell("run")
            settle()
            report = agent.stop()
            again = replay(os.path.join(agent.directory, "threads.rec"))
        truth = target.end()
    report.expect(again == report.text, "the replay differs from the report")
    report.expect_complete()
    return report, truth


def expect_threads(report, truth):
    """Every thread of the program was seen; libraries may have started more."""
    seen = report["tasks"]["seen"]
    report.expect(seen >= truth["threads"], f"{seen} of {truth['threads']} threads were seen")


def found(scenario, **how):
    kind, severity, function = FOUND[scenario]
    report, truth = watch(scenario, **how)
    file, line = marked_line(SOURCES / "outlive.c", scenario)
    finding = report.expect_finding(kind, function, file, line, severity)
    check(truth["expected"] > 0, "the program has done nothing")
    report.expect((finding["count"], finding["live"]) == (truth["expected"], truth["expected"]),
                  f"{finding['count']} threads were found, not {truth['expected']}")
    others = [f for f in report["findings"] if f is not finding and f["kind"] != "ignored-cancel"]
    report.expect(not others, "something was found that nobody planted")
    expect_threads(report, truth)


def silent(scenario):
    report, truth = watch(scenario)
    report.expect(not report["findings"], "correct code was accused")
    check(truth["expected"] == 0, "the program says that it is wrong")
    expect_threads(report, truth)


for a_scenario in FOUND:
    case(a_scenario.replace("-", "_"))(functools.partial(found, a_scenario))
for a_scenario in SILENT:
    case(a_scenario.replace("-", "_"))(functools.partial(silent, a_scenario))


@case("perf_links")
def perf_links():
    found("argument", env={"CTXTRACE_FORCE_PERF": "1"})


@case("thin")
def thin():
    """The program is in a library that serves requests: its threads are the program's."""
    found("argument", binary="E2E_THREADS_THIN_BIN")
    found("used", binary="E2E_THREADS_THIN_BIN")


@case("no_goroutines")
def no_goroutines():
    report, _ = watch("argument", "--no-goroutines")
    report.expect(not report["findings"], "threads were looked at")
    report.expect(report["tasks"] == {"seen": 0, "live": 0}, f"tasks: {report['tasks']}")
    names = [provider["name"] for provider in report["providers"]]
    report.expect("threads" not in names, f"probes of threads are in place: {names}")


@case("ended")
def ended():
    """Threads that have ended are forgotten: only the program's own are there at the end."""
    report, truth = watch("pool-at-start")
    check(truth["threads"] > 40, "the program has started no threads")
    live = report["tasks"]["live"]
    report.expect(live <= 6, f"{live} threads live on: the first one and four workers do")


@case("unseen_ends")
def unseen_ends():
    """The threads end while ctxtrace stands still and its ring is full: they are not there, so nothing is said of them."""
    need_bpf()
    with Target([environment("E2E_THREADS_BIN"), "unseen-ends"]) as target:
        with Agent("--min-age", "1s", "--grace", "1s", "--record", "threads.rec", pid=target.pid, relative=True,
                   env={"CTXTRACE_RING_BYTES": "16384"}) as agent:
            agent.signal(signal.SIGSTOP)
            target.tell("run")
            agent.signal(signal.SIGCONT)
            settle()
            report = agent.stop()
            again = replay(os.path.join(agent.directory, "threads.rec"))
        target.end()
    report.expect(again == report.text, "the replay differs from the report")
    report.expect(report["quality"]["dropped"].get("ring_full", 0) > 0, "no event was lost")
    report.expect(report["tasks"]["seen"] >= 20, f"the threads were not seen: {report['tasks']}")
    report.expect(not report["findings"], "threads that have ended were accused")


if __name__ == "__main__":
    main()
