# SPDX-License-Identifier: Apache-2.0
"""The lesson as a test: what is WRONG in it is found at its function and line, what is RIGHT gives no finding."""
import functools
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Failed, case, check, environment, main, need_bpf, note, wait_for
from e2e_go import SOURCES, build
from e2e_process import RECORDING, Agent, Target, check_replay
from e2e_report import marked_line, top
from lesson import ROWS

# What a finding needs after the state was reached: --min-age, --grace, and some readings of memory.
SETTLED_SECONDS = 6
TRIES = 3
WATCH = ("--min-age", "2s", "--grace", "1s")


class Language:
    def __init__(self, name, directory, program):
        self.name, self.directory, self.program = name, directory, program

    def place(self, wanted, suffix=""):
        """The place of this language in a row: (function, file, line)."""
        place = getattr(wanted, self.name + suffix)
        return (place.function, *marked_line(SOURCES / self.directory / place.file, place.mark, "// LESSON:"))


GO = Language("go", "lesson", lambda: build("./lesson"))
C = Language("c", "lesson_c", lambda: environment("E2E_LESSON_BIN"))


def is_at(frame, place):
    return (frame["function"], os.path.basename(frame["file"] or ""), frame["line"]) == place


def expect_finding(report, language, wanted, count):
    function, file, line = language.place(wanted)
    finding = report.expect_finding(wanted.kind, function, file, line, wanted.severity)
    live = count if wanted.is_live else 0
    report.expect((finding["count"], finding["live"]) == (count, live),
                  f"{wanted.kind}: count and live are {finding['count']} and {finding['live']}, not {count} and {live}")
    if language is GO and wanted.go_at:
        now = language.place(wanted, "_at")
        report.expect(any(is_at(frame, now) for frame in (finding["at"] or {}).get("frames", [])),
                      f"{wanted.kind}: {now} is not where it stands now: {finding['at']}")


def expect_cancel(report, language, wanted):
    place = language.place(wanted)
    rows = [row for row in report["cancels"] if row["reason"] == wanted.reason and is_at(top(row), place)]
    report.expect(sum(row["count"] for row in rows) == wanted.count,
                  f"{wanted.count} times {wanted.reason} at {place} is not in cancels: {report['cancels']}")
    for row in rows:
        origin = row["origin"] and row["origin"]["reason"]
        report.expect(origin == wanted.origin, f"origin is {row['origin']}, not {wanted.origin}")


def expect_deadline(report, language, wanted):
    """The deadline that won, and those asked for below it, which were later and never counted."""
    place = language.place(wanted)
    deadlines = [deadline for deadline in report["deadlines"] if is_at(top(deadline), place)]
    report.expect(len(deadlines) == 1, f"{len(deadlines)} deadlines at {place}: {report['deadlines']}")
    below = [child for child in deadlines[0]["children"] if is_at(top(child), language.place(wanted, "_below"))]
    counts = [sum(child[name] for child in below) for name in ("count", "cancelled", "asked_later")]
    report.expect(counts == [wanted.below] * 3, f"below are {counts} and not all of {wanted.below}: {deadlines[0]}")
    asked = deadlines[0]["timeout_s"]["max"]
    report.expect(deadlines[0]["fired"] == 1 and 0 < asked <= wanted.asked_s, f"{deadlines[0]}")


def watch(language, row):
    """watch_once; anew where the program says that the machine was too busy for its state to be reached."""
    need_bpf()
    for _ in range(TRIES):
        result = watch_once(language, row)
        if result:
            return result
    raise Failed(f"the state was missed {TRIES} times")


def watch_once(language, row):
    """The report and the truth of a program whose state was reached while it was watched, and stayed."""
    command = [language.program(), "-listing", row.listing, *(["-wrong"] if row.is_wrong else [])]
    with Target(command) as target:
        with Agent(*WATCH, "--record", RECORDING, pid=target.pid, relative=True) as agent:
            target.tell("run")
            if "state missed" in target.lines.all:
                note("the state was missed")
                return None
            target.tell("gc")  # what no cancel function holds any more is known only then; C: nothing
            reached = time.monotonic()
            wait_for("findings to be old enough", lambda: time.monotonic() > reached + SETTLED_SECONDS,
                     SETTLED_SECONDS + 60)
            report = agent.stop()
            check_replay(agent, report)
        truth = target.end()
    check(truth["answers"] == row.answers, f"clients were answered {truth['answers']}, not {row.answers}")
    check((truth["expected"] > 0) == row.is_wrong, f"the program says that {truth['expected']} are to be found")
    return report, truth


def listing(language, row):
    report, truth = watch(language, row)
    report.expect_complete()
    for wanted in row.findings:
        expect_finding(report, language, wanted, truth["expected"])
    report.expect(len(report["findings"]) == len(row.findings), "something was found that nobody planted")
    report.expect(not report["undecided"], "a collection has been, and something is undecided")
    for wanted in row.cancels:
        expect_cancel(report, language, wanted)
    for wanted in row.deadlines:
        expect_deadline(report, language, wanted)
    report.expect(len(report["deadlines"]) == len(row.deadlines) or not row.deadlines, f"{report['deadlines']}")


for a_language in (GO, C):
    for a_row in ROWS:
        case(f"{a_language.name}_{a_row.listing.replace('-', '_')}_{'wrong' if a_row.is_wrong else 'right'}")(
            functools.partial(listing, a_language, a_row))


if __name__ == "__main__":
    main()
