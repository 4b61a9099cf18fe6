# SPDX-License-Identifier: Apache-2.0
"""Released modules that lose cancel functions, through the module proxy; and the releases that no longer do."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, main, need_bpf
from e2e_go import DEFAULT, build
from e2e_process import Agent, Target

FIXED = ("-tags=fixed", "-modfile=fixed.mod")
WATCH = ("-d", "7s", "--min-age", "2s")
RUNS = 2000


def watch(module, flags=()):
    need_bpf()
    with Target([build(".", DEFAULT, flags, f"realbugs/{module}")]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            target.tell("go")
            target.tell("gc")
            report = agent.finish()
        target.end()
    report.expect_complete()
    report.expect(report["contexts"]["created"] >= RUNS, "the module's contexts were not seen")
    return report


def expect_leak(report, kind, package, file):
    finding = report.expect_finding(kind, lambda function: function.startswith(package), file)
    report.expect(finding["live"] == RUNS, f"{finding['live']} of {RUNS} were found")
    report.expect(len(report.leaks()) == 1, "one finding for one bug")


@case("failsafe_0.9.5")
def failsafe():
    expect_leak(watch("failsafe"), "lost-cancel", "github.com/failsafe-go/failsafe-go.", "execution.go")


def losses(report):
    """The losses nobody saw, and those whose site is known."""
    found = [f for f in report.leaks() if f["kind"] == "lost-cancel" and f["confidence"] == "confirmed"]
    return [f for f in found if f["site"]["unknown"]], [f for f in found if not f["site"]["unknown"]]


@case("failsafe_before_attach")
def failsafe_before_attach():
    """The leak is older than the attach: counted at once, and named as soon as it goes on."""
    need_bpf()
    with Target([build(".", DEFAULT, (), "realbugs/failsafe")]) as target:
        target.tell("go")
        target.tell("gc")
        with Agent("-d", "6s", "--min-age", "2s", pid=target.pid) as agent:
            report = agent.finish()
        older, known = losses(report)
        report.expect([f["live"] for f in older] == [RUNS] and not known, "the leak of before the attach, to the context")
        report.expect("execution.go" not in older[0]["advice"], "a site named that nobody can know")
        with Agent(*WATCH, pid=target.pid) as agent:
            target.tell("go")
            target.tell("gc")
            report = agent.finish()
        target.end()
    report.expect_complete()
    older, known = losses(report)
    report.expect([f["live"] for f in older] == [RUNS], "the leak of before the attach, to the context")
    report.expect([f["live"] for f in known] == [RUNS], "the leak since, to the context")
    expected = f"where the same parent has got {RUNS:,} more since the attach"
    report.expect(expected in older[0]["advice"], "the older ones are not named by the newer ones")
    for finding in older + known:
        report.expect("execution.go" in finding["advice"], "the site is not named")


@case("failsafe_0.9.6")
def failsafe_fixed():
    watch("failsafe", FIXED).expect_no_leak()


@case("cilium_completion_1.19.0")
def completion():
    expect_leak(watch("completion"), "lost-cancel", "github.com/cilium/cilium/pkg/completion.", "completion.go")


@case("cilium_completion_1.20.2")
def completion_fixed():
    watch("completion", FIXED).expect_no_leak()


@case("goresilience_0.2.0")
def goresilience():
    expect_leak(watch("goresilience"), "leaked-timer", "github.com/slok/goresilience/timeout.", "timeout.go")


if __name__ == "__main__":
    main()
