# SPDX-License-Identifier: Apache-2.0
"""The C demo: each leak at its function and line, its right twin silent, and counts equal to the library's own."""
import contextlib
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf
from e2e_process import Agent, demo
from e2e import environment

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "user" / "context" / "demo"
WATCH = ("-d", "7s", "--min-age", "2s")


def creation(function):
    """(file, line) of the statement that makes a context in this function of the demo."""
    for path in sorted(SOURCES.glob("*.c")):
        inside = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.match(rf"^\S.*\b{function}\(.*\)$", line):
                inside = True
            elif line == "}":
                inside = False
            elif inside and re.search(r"cctx_(with_|after_func)", line):
                return path.name, number
    raise AssertionError(f"{function} makes no context in {SOURCES}")


def twins(wrong, kind, function, retained):
    need_bpf()
    with demo(wrong) as leaking, demo(wrong + "-right") as right, \
            Agent(*WATCH, pid=leaking.pid) as at_leaking, Agent(*WATCH, pid=right.pid) as at_right:
        report, silent = at_leaking.finish(), at_right.finish()
        truth = leaking.end()
        right.end()
    report.expect_complete()
    finding = report.expect_finding(kind, function, *creation(function))
    report.expect(retained in finding["retained_by"], f"retained by {finding['retained_by']}, not {retained}")
    report.expect(len(report.leaks()) == 1, "one leak was planted")
    report.expect(20 <= finding["count"] <= truth["abandoned"] + truth["abandoned_after_func"],
                  f"count {finding['count']} is not what happened")
    silent.expect_complete()
    silent.expect_no_leak()


@case("leak")
def leak():
    twins("leak", "lost-cancel", "reserve_stock", "parent")


@case("lost_child")
def lost_child():
    twins("lost-child", "lost-cancel", "subscribe", "parent")


@case("lost_timer")
def lost_timer():
    twins("lost-cancel", "leaked-timer", "call_supplier", "timer")


@case("after_func")
def after_func():
    twins("after-func", "unstopped-after-func", "close_at_shutdown", "parent")


@case("deep_chain")
def deep_chain():
    """A chain of values that grows: what is derived from it lives for a while, so it is seen."""
    need_bpf()
    watch = ("-d", "9s", "--min-age", "2s")
    with demo("deep-chain") as growing, demo("deep-chain-right") as right, \
            Agent(*watch, pid=growing.pid) as at_growing, Agent(*watch, pid=right.pid) as at_right:
        report, silent = at_growing.finish(), at_right.finish()
    report.expect_complete()
    finding = report.expect_finding("deep-chain", "call_about", *creation("call_about"))
    report.expect(finding["severity"] == "leak" and len(report.leaks()) == 1, f"{finding}")
    silent.expect_complete()
    silent.expect(silent["findings"] == [], "correct code was accused")


@case("silent")
def silent():
    """Correct programs of several kinds, side by side."""
    need_bpf()
    names = ("held", "service", "pool", "detached", "assemble-right")
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(demo(name)) for name in names]
        agents = [stack.enter_context(Agent(*WATCH, pid=target.pid, wait=False)) for target in targets]
        for name, agent in zip(names, agents):
            report = agent.finish()
            report.expect_complete()
            report.expect_no_leak()
            report.expect(report["contexts"]["created"] > 0, f"{name}: nothing was seen")
        for target in targets:
            target.end()


RING = {"CTXTRACE_RING_BYTES": str(64 << 20)}  # has room for every event of churn, whoever has the processor


def counted(scenario, *options, env=None):
    """Under `run` every context is seen from the first on, so the counts must be equal."""
    need_bpf()
    command = [environment("CTXDEMO_BIN"), scenario, *options]
    with Agent("--fail-on", "todo-root", run=command, command="run", wait=False, env=env) as agent:
        report = agent.finish(seconds=120)
        truth = json.loads(agent.output.finish_line(lambda line: line.startswith('{"scenario"')))
    check(truth["exact"], "the demo itself is not sure of its counts")
    made = truth["created"]
    report.expect_complete()
    report.expect_counts({"created": made["cancel"] + made["deadline"] + made["after_func"],
                          "cancel_called": truth["cancel_called"], **truth["ended"]})


@case("counts_service")
def counts_service():
    counted("service", "--rounds", "40")


@case("counts_assemble")
def counts_assemble():
    counted("assemble-right", "--rounds", "6")


@case("counts_churn")
def counts_churn():
    counted("churn", "--rounds", "100", env=RING)


@case("counts_after_func")
def counts_after_func():
    counted("after-func-right", "--rounds", "60", "--rate", "0")


if __name__ == "__main__":
    main()
