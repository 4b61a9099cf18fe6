# SPDX-License-Identifier: Apache-2.0
"""Goroutines older than the attach: all are known, none that has ended, and nothing is made up about them."""
import collections
import functools
import os
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, note
from e2e_go import DEFAULT, SOURCES, VERSIONS, build, minor
from e2e_process import Agent, Target, Waits, complete, replay
from e2e_recording import events
from e2e_report import marked_line

OLD = 300
STRIPPED = ("-trimpath", "-ldflags=-s -w")


def expect_count(report, truth):
    """As many goroutines as the runtime counts: by the stream with what was adopted, and by the last listing."""
    count, tasks = truth["goroutines"], report["tasks"]
    note(f"{count} goroutines, {tasks}")
    report.expect(tasks["live"] == count, f"{tasks['live']} tasks live, the runtime counts {count}")
    report.expect(report["goroutines"]["seen"] == count, f"{report['goroutines']['seen']} were listed of {count}")


def recorded(number):
    return pathlib.Path(environment("E2E_CACHE")) / f"old-{number}-{os.getpid()}.ctx"


def expect_none_ended(recording, has_creators):
    """What has ended is in memory for a moment longer: nothing of that may be taken for older than the attach. And what
    is, the main goroutine has started at one line with one function."""
    ended, adopted, made = set(), 0, collections.Counter()
    for name, flags, event in events(recording):
        task = struct.unpack_from("<Q", event, 16)[0] if name in ("TASK_END", "TASK_SEEN") else 0
        if name == "TASK_END":
            ended.add(task)
        elif name == "TASK_SEEN":
            check(not flags & 1, f"goroutine {task} was taken back, though no event was lost")
            check(task not in ended, f"goroutine {task} had ended when it was adopted")
            adopted += 1
            made[struct.unpack_from("<QII", event, 24)] += 1
    note(f"{adopted} adopted, {len(ended)} ended")
    check(adopted >= OLD and ended, "nothing is shown")
    (creator, created, entry), count = made.most_common(1)[0]
    check(count == OLD and created and entry, f"{OLD} are of one place, not {made.most_common(3)}")
    check(creator == (1 if has_creators else 0), f"their creator is {creator}")


def churning(program, recording):
    with Target([program, "-old", OLD]) as target:
        target.tell("churn")
        with Agent("--record", recording, pid=target.pid, wait=False) as agent:
            with Waits(agent.pid) as waits:
                agent.wait_watching()
                target.tell("serve 20")
                time.sleep(4)  # for some readings beside it
                target.tell("quiet")
            report = agent.stop()
        truth = target.end()
    return report, waits, truth


def late(version=DEFAULT, flags=()):
    """Attached in the middle of it, beside a program that starts and ends goroutines as fast as it can."""
    need_bpf()
    recording = recorded("late")
    try:
        program = build("./go_old", version, flags)
        report, truth = complete(lambda: churning(program, recording))
        expect_none_ended(recording, minor(version) >= 21)
        expect_count(report, truth)
        report.expect(report["tasks"]["seen"] > OLD, "the old ones were not seen")
        report.expect(report["findings"] == [], "a correct program was accused")
        check(truth["errors"] == 0 and truth["churned"] > 0, f"it did not work: {truth}")
        check(replay(str(recording)) == report.text, "the replay differs")
    finally:
        recording.unlink(missing_ok=True)


@case("early")
def early():
    """Attached before: all that was started then is in the stream, and memory has nothing to add but the first few."""
    need_bpf()
    with Target([build("./go_old")]) as target:
        with Agent(pid=target.pid) as agent:
            target.tell(f"old {OLD}")
            target.tell("serve 20")  # its connection stays, and so do the goroutines at both ends
            target.tell("churn")
            target.tell("serve 20")
            target.tell("quiet")
            report = agent.stop()
        truth = target.end()
    report.expect_complete()
    expect_count(report, truth)
    report.expect(report["tasks"]["seen"] >= truth["churned"], f"{truth['churned']} were started")
    report.expect(report["findings"] == [], "a correct program was accused")


@case("census")
def census():
    """Two readings without a probe agree with the runtime, too; so does what is recorded and judged again."""
    recording = recorded("census")
    try:
        with Target([build("./go_old"), "-old", OLD]) as target:
            target.tell("churn")
            target.tell("quiet")
            with Agent("--record", recording, pid=target.pid, command="census", wait=False) as agent:
                report = agent.finish()
            truth = target.end()
        expect_count(report, truth)
        check(replay(str(recording)) == report.text, "the replay differs")
    finally:
        recording.unlink(missing_ok=True)


@case("lost")
def lost():
    """Most events are lost, starts and ends of goroutines among them: the last reading puts it right."""
    need_bpf()
    with Target([build("./go_old"), "-old", OLD]) as target:
        with Agent(pid=target.pid, env={"CTXTRACE_RING_BYTES": "4096"}) as agent:
            target.tell("churn")
            target.tell("serve 50")
            target.tell("quiet")
            report = agent.stop()
        truth = target.end()
    report.expect(report["quality"]["verdict"] == "incomplete", "nothing was lost, so nothing is shown")
    expect_count(report, truth)
    report.expect(report["findings"] == [], "a correct program was accused")


@case("left")
def left():
    """What requests before the attach left behind: no finding, since nobody knows what it was started with; but listed."""
    need_bpf()
    with Target([build("./go_old"), "-old", OLD, "-slow", 3]) as target:
        target.tell("leave 10")
        with Agent("-d", "4s", "--min-age", "1s", pid=target.pid) as agent:
            target.tell("serve 20")
            report = agent.finish()
        target.end()
    report.expect_complete()
    report.expect(report["findings"] == [], "work of before the attach was accused")
    _, line = marked_line(SOURCES / "go_old" / "main.go", "hold", "OLD:")
    groups = [group for group in report["goroutines"]["groups"]
              if group["created"]["frames"] and group["created"]["frames"][0]["line"] == line]
    report.expect(sum(group["count"] for group in groups) == 10, f"they are not listed: {groups}")
    with Target([build("./go_old"), "-old", OLD]) as target:
        with Agent("--min-age", "1s", "-d", "4s", pid=target.pid) as agent:
            target.tell("leave 10")
            report = agent.finish()
        target.end()
    report.expect_finding("outlives-request", "main.(*program).ServeHTTP",
                          *marked_line(SOURCES / "go_old" / "main.go", "hold", "OLD:"))


case("late")(late)
case("late_go1.17_stripped")(functools.partial(late, VERSIONS["1.17"], STRIPPED))
case("late_go1.21")(functools.partial(late, VERSIONS["1.21"]))
case("late_go1.24")(functools.partial(late, VERSIONS["1.24"]))
case("late_go1.27_pie")(functools.partial(late, VERSIONS["1.27"], ("-buildmode=pie",)))


if __name__ == "__main__":
    main()
