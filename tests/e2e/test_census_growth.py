# SPDX-License-Identifier: Apache-2.0
"""`ctxtrace census`: groups, --watch, and what memory alone tells of things that grow."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from e2e import case, check, environment, main, need_bpf, note, wait_for
from e2e_census import Leaks, need_memory, run
from e2e_go import SOURCES, build
from e2e_process import Agent, FullPipe, Lines, Process, Target
from e2e_report import marked_line

READING = re.compile(r"ctxtrace: reading (\d+)(?: after .*)?: [\d,]+ live")  # a complete one, by its number
INCOMPLETE = re.compile(r"ctxtrace: reading \d+ is incomplete: ")


class Census(Process):
    """`ctxtrace census --watch` at work; the report goes to a file."""

    def __init__(self, pid, *arguments, stdout=None):
        self.path = tempfile.mktemp(prefix="ctxtrace-census-")
        super().__init__([environment("CTXTRACE_BIN"), "census", "-p", pid, "-f", f"json={self.path}", *arguments],
                         stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
        self.errors = Lines(self.process.stderr)

    def __exit__(self, *reason):
        super().__exit__(*reason)
        if os.path.exists(self.path):
            os.unlink(self.path)

    def wait_reading(self, number):
        def is_it(line):
            seen = READING.match(line)
            return seen and int(seen.group(1)) == number
        return self.errors.wait(f"reading {number}", is_it, 60)

    def finish(self, expect=0):
        status = self.wait()
        check(status == expect, f"status {status}, not {expect}: {self.errors.finish()[-9:]}")
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)


def group(report, **wanted):
    """The only group with these values; the parent by its kind."""
    found = [g for g in report["census"]["groups"]
             if all((g["parent"]["kind"] if k == "parent" else g[k]) == v for k, v in wanted.items())]
    check(len(found) == 1, f"{len(found)} groups are {wanted}: {report['census']['groups']}")
    return found[0]


def kinds(report):
    return [(f["kind"], f["severity"], f["confidence"]) for f in report["findings"]]


@case("groups")
def groups():
    """The truth of census_leaks, group by group; the groups add up to what lives."""
    need_memory()
    with Leaks([build("./census_leaks")]) as target:
        report = json.loads(run("census", "-p", target.pid, "-f", "json", "--tree").stdout)
        text = run("census", "-p", target.pid).stdout
        truth = target.truth
    seen = {}
    for g in report["census"]["groups"]:
        seen[g["state"], g["kind"], g["parent"]["kind"], g["depth"]] = g["count"]
    wanted = {("lost", "cancel", "cancel", 1): truth["lost"] + truth["wrapped"],
              ("lost", "deadline", "cancel", 1): truth["lost_time"],
              ("held", "cancel", "cancel", 1): truth["held"],
              ("held", "deadline", "cancel", 1): truth["held_time"],
              ("deferred", "cancel", "cancel", 1): truth["deferred"],
              ("lost", "cancel", "foreign", 0): truth["foreign"],
              ("held", "cancel", "todo", 0): truth["todo"],
              ("held", "cancel", "background", 0): 1,
              (None, "foreign", None, 0): 1}
    check(seen == wanted, f"groups {seen}, truth {wanted}")
    check(sum(seen.values()) == report["contexts"]["live"] and not report["census"]["rest"]["contexts"], "do not add up")
    timers = group(report, state="lost", kind="deadline")
    check(timers["retained_by"] == ["parent", "timer"], f"kept by {timers['retained_by']}")
    check(3000 < timers["deadline_in_s"]["min"] <= timers["deadline_in_s"]["max"] <= 3600, f"{timers['deadline_in_s']}")
    check(group(report, state="held", depth=0, parent="todo")["deadline_in_s"] is None, "a deadline out of nothing")
    check("21,000 lost " in text and "below Background" in text, f"text: {text}")
    states, nodes = {}, list(report["tree"])
    while nodes:
        node = nodes.pop()
        states[node["memory"]] = states.get(node["memory"], 0) + 1
        nodes += node["children"]
    check({k: v for k, v in report["census"]["states"].items() if v} == {k or "unknown": v for k, v in states.items()},
          f"--tree says {states}, the census {report['census']['states']}")


@case("watch")
def watch():
    """Growth by group, a projection while it is steady, and a recording that replays to the byte."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Target([build("./go_grow"), "-rate", 100]) as target:
        recording = os.path.join(directory, "watch.ctx")
        target.tell("go")
        with Census(target.pid, "--watch", "1s", "--record", recording) as census:
            census.wait_reading(6)
            census.signal(signal.SIGINT)
            report = census.finish()
            said = census.errors.finish()
        again = run("replay", recording, "-f", "json").stdout
        truth = target.end()
    check(report["window"]["end"] == "signal", f"ended by {report['window']}")
    check(json.loads(again) == report, "the replay differs")
    held, lost = group(report, kind="cancel", state="held", depth=1), group(report, kind="cancel", state="lost")
    check(held["count"] >= truth["held"] and 0 < lost["count"] <= truth["made"], f"held {held}, lost {lost}, {truth}")
    growth = lost["growth"]
    check(0 < growth["count"] <= truth["made"] and growth["over_s"] >= 5, f"growth {growth}")
    if growth["steady"]:  # a machine that stands still for a second makes it unsteady, and that is right
        check(growth["bytes_per_day"] > growth["per_hour"] * 24 * 100, f"growth {growth}")
    else:
        check(growth["per_hour"] is None and growth["bytes_per_day"] is None, f"growth {growth}")
    rounds, incomplete = (len([line for line in said if kind.match(line)]) for kind in (READING, INCOMPLETE))
    check(rounds == report["census"]["readings"] >= 6, f"said {said}")
    check(incomplete == report["quality"]["failed_scans"], f"{report['quality']}, said {said}")
    check(rounds + incomplete == sum(line.startswith("ctxtrace: reading ") for line in said), f"said {said}")
    check(any("since the first reading" in line and "/min" in line for line in said), f"said {said}")
    check(("lost-cancel", "leak", "confirmed") in kinds(report), f"findings {kinds(report)}")


@case("watch_ends")
def watch_ends():
    """By --duration; by the target's end, with what was read; twice Ctrl-C leaves at once; wrong usage."""
    need_memory()
    with Target([build("./go_grow"), "-do", "nothing"]) as target:
        with Census(target.pid, "--watch", "1s", "-d", "10s", "-q") as census:
            report = census.finish()
            check(report["window"]["end"] == "duration" and report["census"]["readings"] >= 3, f"{report['window']}")
            check(report["findings"] == [] and census.errors.finish() == [], f"said {census.errors.all}")
        with FullPipe() as pipe, Census(target.pid, "--watch", "1m", "-f", "text", stdout=pipe.end) as census:
            census.wait_reading(1)
            census.signal(signal.SIGINT)
            time.sleep(1)
            check(census.is_running(), "it is gone, though nobody reads its report")
            census.signal_until_gone(signal.SIGINT)
            check(census.wait() == 130, f"status {census.wait()}")
        with Census(target.pid, "--watch", "1s") as census:
            census.wait_reading(2)
            target.end()
            report = census.finish()
            check(report["window"]["end"] == "target-exit", f"{report['window']}")
        for arguments in (("--watch", "999ms"), ("--watch", "often"), ("-d", "3s")):
            done = run("census", "-p", os.getpid(), *arguments, status=2)
            check(not done.stdout and "--watch" in done.stderr + " --watch" * (arguments[0] == "-d"), done.stderr)
    done = run("-p", os.getpid(), "--watch", "2s", status=2)
    check("--watch" in done.stderr, done.stderr)


def grown(do, rate=100, rounds=5, arguments=()):
    """A report of --watch over some readings of go_grow."""
    need_memory()
    with Target([build("./go_grow"), "-do", do, "-rate", rate, *arguments]) as target:
        target.tell("go")
        if "-fan-out" in arguments:
            wait_for("the fan-out", lambda: "fanned out" in target.lines.all, 60)  # it may come before "ok go"
        with Census(target.pid, "--watch", "1s") as census:
            census.wait_reading(rounds)
            census.signal(signal.SIGINT)
            report = census.finish()
        truth = target.end()
    note(f"findings {kinds(report)}")
    return report, truth


def until_found(do, kind, rate):
    """One census after the other, until one finds it; none may find anything else. A reading of a starved target finds
    nothing new, and growth takes three that do."""
    need_memory()
    with Target([build("./go_grow"), "-do", do, "-rate", rate]) as target:
        target.tell("go")
        end = time.monotonic() + 120
        while True:
            report = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            check(kinds(report) in ([], [(kind, "leak", "confirmed")]), f"findings {kinds(report)}")
            if report["findings"]:
                return report["findings"][0], target.end()
            check(time.monotonic() < end, f"never found: {report['census']}")


@case("defer_loop")
def defer_loop():
    """From memory alone, in a census that reads until it knows."""
    finding, truth = until_found("defer", "defer-in-loop", 100)
    check(50 <= finding["count"] <= truth["made"] and finding["site"]["unknown"], f"{finding}")
    check("they get more" in finding["evidence"] and "ctxtrace -p" in finding["advice"], f"{finding}")


@case("defer_loop_watch")
def defer_loop_watch():
    report, truth = grown("defer", rate=60)
    check(kinds(report) == [("defer-in-loop", "leak", "confirmed")], f"findings {kinds(report)}")
    check(report["findings"][0]["count"] <= truth["made"], f"{report['findings'][0]} of {truth}")


@case("fan_out")
def fan_out():
    """Two hundred deferred at once by a call that waits for its workers: correct, whoever else makes contexts. Those
    chains are too short for a hint."""
    report, truth = grown("recurse", rate=5, arguments=("-fan-out", 200, "-depth", 40))
    check(truth["made"] >= 200 and report["census"]["states"]["deferred"] >= 200, f"{report['census']['states']}")
    check(report["findings"] == [], f"correct code was accused: {kinds(report)}")


@case("after_funcs")
def after_funcs():
    """Registrations whose stop functions are dropped pile up on one parent."""
    report, truth = grown("stop", rate=50)
    check(kinds(report) == [("unstopped-after-func", "leak", "confirmed")], f"findings {kinds(report)}")
    finding = report["findings"][0]
    check(40 <= finding["count"] <= truth["made"] and finding["retained_by"] == ["parent"], f"{finding}")


@case("after_funcs_one_census")
def after_funcs_one_census():
    """One census reads up to four times while something is lost for the first time."""
    finding, truth = until_found("stop", "unstopped-after-func", 200)
    check(40 <= finding["count"] <= truth["made"], f"{finding} of {truth}")


@case("timers")
def timers():
    report, truth = grown("timer", rate=50, rounds=3)
    check(kinds(report) == [("leaked-timer", "leak", "confirmed")], f"findings {kinds(report)}")
    check(0 < report["findings"][0]["count"] <= truth["made"], f"{report['findings'][0]} of {truth}")


@case("chain_values")
def chain_values():
    """A context wrapped in a value in each round: memory counts links that no probe follows."""
    report, truth = grown("values", rate=100, rounds=6)
    check(kinds(report) == [("deep-chain", "leak", "confirmed")], f"findings {kinds(report)}")
    check(0 < report["findings"][0]["count"] <= truth["made"], f"{report['findings'][0]} of {truth}")


@case("chain_derived")
def chain_derived():
    report, _ = grown("derive", rate=100, rounds=6)
    check(kinds(report) == [("deep-chain", "leak", "confirmed")], f"findings {kinds(report)}")
    deepest = max(g["depth"] for g in report["census"]["groups"])
    check(deepest == 64, f"the deepest group is at {deepest}")


@case("chain_right")
def chain_right():
    """Twenty values in each round, from the root again: nothing. A recursion of a hundred: a hint at most."""
    report, _ = grown("values-right", rate=200, rounds=4)
    check(report["findings"] == [], f"correct code was accused: {kinds(report)}")
    report, _ = grown("recurse", rate=50, rounds=5)
    check(kinds(report) in ([], [("deep-chain", "hint", "confirmed")]), f"correct code was accused: {kinds(report)}")


@case("chain_watched")
def chain_watched():
    """With probes: the site is known."""
    need_bpf()
    with Target([build("./go_grow"), "-do", "derive", "-rate", 50]) as target:
        with Agent("--min-age", "1s", pid=target.pid) as agent:
            target.tell("go")
            time.sleep(8)  # 400 rounds, of which those above 64 are deep; how many it takes is the rules' to say
            report = agent.stop()
        target.end()
    finding = report.expect_finding("deep-chain", "main.deriveOne", *marked_line(SOURCES / "go_grow" / "main.go", "derived"))
    check(finding["severity"] == "leak" and finding["confidence"] == "confirmed", f"{finding}")


if __name__ == "__main__":
    main()
