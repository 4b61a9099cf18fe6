# SPDX-License-Identifier: Apache-2.0
"""Requests of a real net/http server, right and wrong in each way: what outlives, ignores, hangs, comes too late."""
import functools
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, note
from e2e_go import DEFAULT, SOURCES, VERSIONS, build, minor
from e2e_process import RECORDING, Agent, Target, check_replay, replay
from e2e_report import marked_line

COUNT = 10
RIGHT = ("outlives-stops", "detached", "service", "lazy-pool", "grown-pool", "fan-out", "gone-heeded", "hangs-bounded", "long-poll", "events")
HTTP1_ONLY = ("hijacked",)
DETACHING = ("detached-inside", "tidies", "merged")  # context.WithoutCancel and AfterFunc came with Go 1.21
# command: (kind, severity, function, mark)
WRONG = {
    "outlives": ("outlives-request", "leak", "main.(*server).outlives", "outlives"),
    "unclosed": ("outlives-request", "leak", "main.(*server).unclosed", "unclosed"),
    "gone-ignored": ("ignored-cancel", "warning", "main.(*server).goneIgnored", "gone-ignored"),
    "gone-task": ("ignored-cancel", "warning", "main.(*server).goneTask", "gone-task"),
    "late-task": ("ignored-cancel", "warning", "main.(*server).lateTask", "late-task"),
    "hangs": ("unbounded-request", "warning", "main.(*server).hangs", "hangs"),
    "stale": ("stale-parent", "warning", "main.(*server).stale", "stale"),
    "background": ("background-in-request", "warning", "main.(*server).background", "background"),
}
STRIPPED = ("-trimpath", "-ldflags=-s -w")


def watch(program, protocol, commands, recording):
    with Target([program, "-count", COUNT, *protocol]) as target:
        with Agent("--min-age", "2s", "--record", recording, pid=target.pid) as agent:
            for command in commands:
                target.tell("keep" if command == "stale" else command)
            time.sleep(3)  # longer than the grace
            if "stale" in commands:
                target.tell("stale")
            report = agent.stop()
        target.end()
    report.expect_complete()
    check(replay(str(recording)) == report.text, "the replay differs")
    return report


def watched(version, flags, protocol, commands):
    need_bpf()
    recording = pathlib.Path(environment("E2E_CACHE")) / f"requests-{os.getpid()}.ctx"
    try:
        return watch(build("./go_requests", version, flags), protocol, commands, recording)
    finally:
        recording.unlink(missing_ok=True)


def right(version=DEFAULT, flags=(), protocol=()):
    commands = RIGHT + (() if protocol else HTTP1_ONLY) + (DETACHING if minor(version) >= 21 else ())
    report = watched(version, flags, protocol, commands)
    report.expect(report["findings"] == [], "correct requests were accused")
    report.expect(report["requests"]["started"] == COUNT * len(commands), f"requests {report['requests']}")


def wrong(version=DEFAULT, flags=(), protocol=()):
    report = watched(version, flags, protocol, tuple(WRONG))
    found = {}
    for finding in report["findings"]:
        frame = finding["site"]["frames"][0]
        found[finding["kind"], frame["function"], frame["line"]] = finding
    for command, (kind, severity, function, mark) in WRONG.items():
        _, line = marked_line(SOURCES / "go_requests" / "main.go", mark, "FIND:")
        report.expect((kind, function, line) in found, f"{command}: no {kind} at {function}, line {line}")
        finding = found.pop((kind, function, line))
        report.expect(finding["severity"] == severity and finding["confidence"] == "confirmed", f"{command}: {finding}")
        count = COUNT * (2 if command == "unclosed" else 1)
        report.expect(finding["count"] == count, f"{command}: {finding['count']} of {count}")
        routes = [f"GET /{command}"] if kind in ("unbounded-request", "ignored-cancel") else []
        if command == "late-task":
            report.expect("by its deadline" in finding["evidence"], f"what cancelled? {finding['evidence']}")
        if command not in ("gone-task", "late-task"):
            report.expect(finding["routes"] == routes, f"{command}: {finding['routes']}, not {routes}")
        if command == "gone-ignored":
            report.expect("because the client went away" in finding["evidence"], f"who cancelled? {finding['evidence']}")
        if mark in ("outlives", "gone-task", "late-task"):
            now = [frame["function"] for frame in finding["at"]["frames"]]
            report.expect("main.(*server).ignore" in now, f"{command} is not where it waits: {now}")
    # The handler that waits for a goroutine which does not care goes on as long as that does.
    report.expect([key[:2] for key in found] == [("ignored-cancel", "main.(*server).goneTask")],
                  f"something nobody planted was found: {list(found)}")


@case("grpc")
def grpc():
    """grpc-go at work: unary calls, streams, deadlines, cancelled calls; then a hundred calls that leave a goroutine."""
    need_bpf()
    program = build(".", DEFAULT, (), "servers/grpc")
    with Target([program]) as target:
        with Agent("-d", "8s", "--min-age", "2s", "--record", RECORDING, pid=target.pid, relative=True) as agent:
            report = agent.finish()
            check_replay(agent, report)
        report.expect_complete()
        report.expect(report["findings"] == [], "correct calls were accused")
        report.expect(report["requests"]["started"] > 1000, f"requests {report['requests']}")
        with Agent("--min-age", "2s", "--record", RECORDING, pid=target.pid, relative=True) as agent:
            target.tell("100")
            time.sleep(4)
            report = agent.stop()
            check_replay(agent, report)
        truth = target.end()
    report.expect_complete()
    held = report.expect_finding("outlives-request", "main.(*service).UnaryCall",
                                 *marked_line(SOURCES / "servers" / "grpc" / "service.go", "hold", "FIND:"))
    report.expect(held["count"] == 100 and len(report["findings"]) == 1, f"{held['count']} of 100")
    check(truth["errors"] == 0, f"the calls failed: {truth}")


@case("grpc_workers")
def grpc_workers():
    """Handlers on a pool of goroutines, some older than the attach: which one serves a call nobody knows. What the
    server says itself is enough for what calls leave behind; that a client gave up does not say that the handler has."""
    need_bpf()
    program = build(".", DEFAULT, (), "servers/grpc")
    with Target([program, "-workers", 64]) as target:
        with Agent("-d", "6s", "--min-age", "2s", pid=target.pid) as agent:
            target.tell("tidy")
            report = agent.finish()
        report.expect_complete()
        report.expect(report["findings"] == [], "correct calls were accused")
        report.expect(report["requests"]["started"] > 1000, f"requests {report['requests']}")
        with Agent("--min-age", "2s", pid=target.pid) as agent:
            target.tell("100")
            time.sleep(4)
            report = agent.stop()
        truth = target.end()
    report.expect_complete()
    held = report.expect_finding("outlives-request", "main.(*service).UnaryCall",
                                 *marked_line(SOURCES / "servers" / "grpc" / "service.go", "hold", "FIND:"))
    report.expect(held["count"] == 100 and len(report["findings"]) == 1, f"{held['count']} of 100")
    check(truth["errors"] == 0, f"the calls failed: {truth}")


@case("mixed")
def mixed():
    """What looks like a leak or a misbehaving request and is none: shared flights, pools, jobs, streams, sockets."""
    need_bpf()
    with Target([build(".", DEFAULT, (), "servers/mixed")]) as target:
        with Agent("-d", "12s", "--min-age", "2s", "--record", RECORDING, pid=target.pid, relative=True) as agent:
            target.tell("late")
            report = agent.finish()
            check_replay(agent, report)
        truth = target.end()
    note(f"requests {report['requests']}")
    report.expect_complete()
    report.expect(report["findings"] == [], "a correct program was accused")
    report.expect(report["requests"]["started"] > 500, f"requests {report['requests']}")
    check(truth["errors"] == 0, f"the program did not work: {truth}")
    check(truth["open_streams"] == 80 and truth["jobs"] > 50 and truth["left"] > 50, f"it did not do all: {truth}")


@case("request_site")
def request_site():
    """Functions that the user names make the contexts of requests, too: 10 of net/http, 10 of those handlers."""
    need_bpf()
    with Target([build("./go_requests"), "-count", COUNT]) as target:
        with Agent("--request-site", "main.(*server).fanOut", pid=target.pid) as agent:
            target.tell("fan-out")
            report = agent.stop()
        target.end()
    report.expect_complete()
    report.expect(report["requests"] == {"started": 2 * COUNT, "live": 0}, f"requests {report['requests']}")
    report.expect(report["findings"] == [], "correct requests were accused")


@case("at_exit")
def at_exit():
    """What a request left behind is found at the exit of a short program, too: its memory is asked there."""
    need_bpf()
    program = build("./go_requests")
    for kind in ("outlives", "fan-out", "detached-inside", "lazy-pool"):
        with Agent(run=[program, "-count", COUNT, "-exits", kind], command="run") as agent:
            report = agent.finish(1 if kind == "outlives" else 0)
        report.expect_complete()
        report.expect(report["window"]["end"] == "target-exit", f"ended by {report['window']}")
        found = [(f["kind"], f["severity"], f["confidence"], f["count"]) for f in report["findings"]]
        report.expect(found == ([("outlives-request", "leak", "confirmed", COUNT)] if kind == "outlives" else []),
                      f"{kind}: found {found}")


case("right")(right)
case("right_http2")(functools.partial(right, protocol=("-h2",)))
case("wrong")(wrong)
case("wrong_http2")(functools.partial(wrong, protocol=("-h2",)))
case("right_go1.17")(functools.partial(right, VERSIONS["1.17"]))
case("wrong_go1.21_stripped")(functools.partial(wrong, VERSIONS["1.21"], STRIPPED))
case("wrong_go1.24_http2")(functools.partial(wrong, VERSIONS["1.24"], (), ("-h2",)))
case("wrong_go1.27_pie")(functools.partial(wrong, VERSIONS["1.27"], ("-buildmode=pie",)))
case("right_go1.27_http2")(functools.partial(right, VERSIONS["1.27"], (), ("-h2",)))
case("wrong_go1.27_http2")(functools.partial(wrong, VERSIONS["1.27"], (), ("-h2",)))


if __name__ == "__main__":
    main()
