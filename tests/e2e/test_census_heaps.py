# SPDX-License-Identifier: Apache-2.0
"""Censuses of large heaps: as exact as of small ones, in little memory, and given up when told so."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, note
from e2e_go import build
from e2e_process import Target

LARGE = ("-mb", 300, "-lost", 10000)
RSS_MAX_KB = 64 * 1024


def need_memory():
    if os.geteuid() != 0:
        raise Skip("reads the memory of processes that it did not start; root is needed")


def census(pid, *arguments):
    """(report, what was said on standard error, most memory that ctxtrace had in KiB)"""
    line = [environment("CTXTRACE_BIN"), "census", "-p", str(pid), "-f", "json", *arguments]
    note("+ " + " ".join(line))
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as agent:
        out, errors = agent.stdout.read(), agent.stderr.read()
        _, status, usage = os.wait4(agent.pid, 0)
        agent.returncode = os.waitstatus_to_exitcode(status)
    check(agent.returncode == 0, f"status {agent.returncode}: {errors}")
    return json.loads(out), errors, usage.ru_maxrss


def truth_of(target):
    target.send("truth")
    line = target.lines.wait("the truth", lambda text: text.startswith("{"), 60)
    target.lines.wait("its end", lambda text: text == "ok truth", 60)
    return json.loads(line)


def expect_truth(report, truth):
    found = {tuple(sorted(f["retained_by"])): f["count"] for f in report["findings"]}
    wanted = {("parent",): truth["lost"], ("parent", "timer"): truth["lost_time"]}
    check(found == wanted, f"found {found}, truth {truth}")
    check(report["contexts"]["live"] == truth["live"], f"{report['contexts']['live']} live, truth {truth}")
    check(all(f["confidence"] == "confirmed" for f in report["findings"]), f"not all proven: {report['findings']}")


@case("large")
def large():
    need_memory()
    with Target([build("./go_heap"), *LARGE]) as target:
        truth = truth_of(target)
        report, errors, rss = census(target.pid)
        note(f"{truth['heap_bytes'] >> 20} MB of heap, {truth['live']} contexts: {rss} KiB")
        expect_truth(report, truth)
        check(not errors, f"no terminal, so nothing to say: {errors}")
        check(rss < RSS_MAX_KB, f"{rss} KiB for a census of {truth['heap_bytes'] >> 20} MB")


@case("large_busy")
def large_busy():
    """It allocates and collects as fast as it can. A collection during a reading may leave some undecided, no more."""
    need_memory()
    with Target([build("./go_heap"), *LARGE, "-busy"]) as target:
        truth = truth_of(target)
        for _ in range(3):
            report, _, _ = census(target.pid)
            counts = {tuple(sorted(f["retained_by"])): f["count"] for f in report["findings"]}
            check(set(counts) <= {("parent",), ("parent", "timer")}, f"nobody lost such: {report['findings']}")
            check(counts.get(("parent",), 0) <= truth["lost"], f"more than was lost: {counts}, {truth}")
            check(counts.get(("parent", "timer"), 0) <= truth["lost_time"], f"more than was lost: {counts}, {truth}")
            check(report["contexts"]["live"] <= truth["live"], f"{report['contexts']['live']} live, truth {truth}")


@case("budget")
def budget():
    """No time: the reading is told as incomplete, and nothing follows from it."""
    need_memory()
    with Target([build("./go_heap"), *LARGE]) as target:
        report, errors, _ = census(target.pid, "--budget", "1ms")
        check(report["findings"] == [] and report["quality"]["failed_scans"] == 1, f"concluded from a part: {report}")
        check(report["quality"]["verdict"] == "incomplete", f"a part passes for the whole: {report['quality']}")
        check("no time left" in errors and "--budget" in errors, f"said {errors}")
        report, _, _ = census(target.pid, "--budget", "10m")
        expect_truth(report, truth_of(target))


if __name__ == "__main__":
    main()
