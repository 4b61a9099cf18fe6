# SPDX-License-Identifier: Apache-2.0
"""Goroutines by the million: each is seen to start and to end, and nothing of it stays behind."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, main, need_bpf, note
from e2e_go import build
from e2e_process import Agent, Target, Waits, complete

EARLY = 200000  # goroutines, after which the memory is looked at for the first time


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def least_resident_kib(pid):
    """Of ten looks in a second: what came last may be on its way still, what is left behind is there each time."""
    looks = []
    for _ in range(10):
        looks.append(resident_kib(pid))
        time.sleep(0.1)
    return min(looks)


def attempt(count):
    with Target([build("./go_tasks"), "-rate", 100000, "-count", count]) as target:
        with Agent(pid=target.pid) as agent:
            with Waits(agent.pid) as waits:
                target.send("go")
                target.lines.wait(f"{EARLY} goroutines", lambda line: line == f"started {EARLY}", 300)
                early = resident_kib(agent.pid)
                target.lines.wait("the last goroutine", lambda line: line == "ok go", 300)
            late = least_resident_kib(agent.pid)
            report = agent.stop()
        truth = target.end()
    return report, waits, truth, early, late


def flood(count):
    need_bpf()
    report, truth, early, late = complete(lambda: attempt(count))
    tasks = report["tasks"]
    note(f"{truth['started']} goroutines, {tasks}; resident {early} kB after {EARLY}, {late} kB at the end")
    report.expect(tasks["seen"] >= truth["started"], f"{tasks['seen']} of {truth['started']} were seen")
    report.expect(tasks["live"] < 50, f"{tasks['live']} live on")
    report.expect(late < early + 1024, f"memory grew from {early} to {late} kB")
    report.expect(report["findings"] == [], "goroutines that end were accused")


@case("million")
def million():
    flood(1000000)


@case("ten_million")
def ten_million():
    if os.environ.get("CTXTRACE_SOAK") != "1":
        raise Skip("takes two minutes; CTXTRACE_SOAK=1 runs it")
    flood(10000000)


if __name__ == "__main__":
    main()
