# SPDX-License-Identifier: Apache-2.0
"""Why contexts were cancelled: causes as programs give them, deadlines that were too late, where their time went."""
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Failed, case, check, main, need_bpf, note
from e2e_go import SOURCES, VERSIONS, build, minor, run_go
from e2e_process import Agent, c_target, replay
from e2e_report import marked_line, top

ROUNDS = 3
STRIPPED = ("-trimpath", "-ldflags=-s -w")
PIE = ("-buildmode=pie",)
TEXT, WRAP, WRAPS = "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors"
BUDGET = "the budget of 20 ms is used"
# Who calls stop(), and the type and text of the cause it is given; None: there is none. Bytes that are no UTF-8 are
# shown as U+FFFD.
CAUSES = {
    "main.plain": (TEXT, "client quota exceeded"),
    "main.wrapped": (WRAP, "upstream: client quota exceeded"),
    "main.several": (WRAPS, "client quota exceeded and disk full"),
    "main.own": ("*main.quotaError", None),
    "main.code": ("main.codeError", None),
    "main.joined": ("*errors.joinError", None),
    "main.none": None,
    "main.canceled": None,
    "main.exceeded": None,
    "main.long": (TEXT, ("0123456789" * 20)[:96] + "..."),
    "main.hostile": (TEXT, "\x1b[2J\x1b]0;owned\x07\nFAKE no leaks \ufffd\x9b31m"),
    "main.empty": (TEXT, None),
    "main.cut": (TEXT, "x" * 95 + "..."),
}
TEXTS_OF_C = ("stopped by the operator", "x" * 95 + "...", "\x1b[2J\x1b]0;owned\x07\nFAKE no leaks \ufffd")


def rows(report, reason, is_wanted):
    return [row for row in report["cancels"] if row["reason"] == reason and is_wanted(row)]


def calls(site, function):
    """Is the function among the callers of what a site shows first?"""
    return function in [frame["function"] for frame in site["frames"][1:]]


def expect_causes(report, found, cause, what, count=ROUNDS):
    wanted = [] if cause is None else [{"type": cause[0], "text": cause[1], "count": count}]
    report.expect([row["count"] for row in found] == [count] * len(found), f"{what}: counts of {found}")
    for row in found:
        report.expect(row["cause"] == wanted, f"{what}: {row['cause']} and not {wanted}")


def expect_given(report):
    """Each cause is at the call that gave it, and at the two contexts below."""
    for function, cause in CAUSES.items():
        told = rows(report, "explicit", lambda row, name=function: calls(row["by"], name))
        below = rows(report, "parent", lambda row, name=function: calls(row["site"], name))
        report.expect(len(told) == 1 and len(below) == 2, f"{function}: {len(told)} and {len(below)} rows")
        expect_causes(report, told + below, cause, function)
        report.expect(all(row["origin"]["reason"] == "explicit" for row in below), f"{function}: {below}")
    many, = rows(report, "explicit", lambda row: top(row)["function"] == "main.manifold")
    texts = [(cause["text"], cause["count"]) for cause in many["cause"]]
    report.expect(texts == [(f"request {i} failed", 1) for i in range(4)] + [(None, 6)], f"others: {many['cause']}")


def deadline_of(report, function, line):
    found = [deadline for deadline in report["deadlines"] if (top(deadline)["function"], top(deadline)["line"]) ==
             (function, line)]
    report.expect(len(found) == 1, f"{len(found)} deadlines at {function}:{line}: {report['deadlines']}")
    return found[0]


def line_of(mark, file="main.go"):
    return marked_line(SOURCES / "go_why" / file, mark, "WHY:")[1]


def expect_shared(report):
    """Two were cut off and one had returned; what they asked for themselves was later."""
    deadline = deadline_of(report, "main.assemble", line_of("assemble"))
    children = {(top(child)["function"], top(child)["line"]): child for child in deadline["children"]}
    quick, slow = children["main.quick", line_of("quick")], children["main.slow", line_of("slow")]
    report.expect(len(children) == 2 and deadline["fired"] == 1 and deadline["untold"] == 0, f"{deadline}")
    report.expect((quick["finished"], quick["cancelled"], quick["asked_later"]) == (1, 0, 0), f"quick: {quick}")
    report.expect((slow["finished"], slow["cancelled"], slow["asked_later"]) == (0, 2, 2), f"slow: {slow}")
    report.expect(slow["used_ratio"]["max"] is not None and quick["used_ratio"]["max"] is not None, f"{children}")
    asked = deadline["timeout_s"]["max"]
    report.expect(asked is not None and 0 < asked <= 2, f"two seconds were asked for, not {asked}")
    later = sum(site["asked_later"] for site in report["sites"])
    report.expect(later == 2, f"{later} deadlines that an earlier one made void, not 2")
    below = rows(report, "parent", lambda row: top(row)["function"] == "main.slow")
    report.expect(sum(row["late"] for row in below) == 2 and all(row["late_max_s"] for row in below), f"late: {below}")


def expect_fired(report, deadline, doubtful, asks_later):
    """As often as it was made. Each child that was there before was cut off; one that may have been made after the end
    of its deadline, which cannot be told from outside, may have been."""
    note(f"{doubtful} rounds are doubtful: {deadline}")
    child, = deadline["children"]
    report.expect(deadline["fired"] == ROUNDS + doubtful and deadline["untold"] == 0, f"{deadline}")
    report.expect(ROUNDS <= child["cancelled"] <= ROUNDS + doubtful and child["finished"] == 0, f"{child}")
    report.expect(child["asked_later"] == (child["cancelled"] if asks_later else 0), f"{child}")


def expect_timeouts(report, doubtful):
    fired = ROUNDS + doubtful
    expect_fired(report, deadline_of(report, "main.budget", line_of("budget", "timeouts.go")), doubtful, False)
    past = deadline_of(report, "main.past", line_of("past", "timeouts.go"))
    report.expect((past["fired"], past["born_past"]) == (ROUNDS, ROUNDS), f"past: {past}")
    for function, reason, cause, count in (("main.budget", "deadline", (TEXT, BUDGET), fired),
                                           ("main.past", "deadline", (TEXT, BUDGET), ROUNDS),
                                           ("main.budget", "parent", (TEXT, BUDGET), fired),
                                           ("main.early", "explicit", None, ROUNDS)):
        found = rows(report, reason, lambda row, name=function: top(row)["function"] == name)
        report.expect(len(found) == 1, f"{function}: {len(found)} rows")
        expect_causes(report, found, cause, function, count)


def expect_readable(text):
    for line in text.splitlines():
        check(len(line) <= 100 and not re.search(r"[\x00-\x1f\x7f-\x9f]", line), f"a line of the text report: {line!r}")


def why_lines(lines):
    return [line for line in lines if re.match(r"\+\d+\.\d{6} s  ", line)]


def run(program):
    """The report of a run, with the lines of --why and what the program says itself; a replay says the same."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "why.rec")
        with Agent("--why", "--record", path, command="run", wait=False,
                   run=[program, "-run"]) as agent:
            report = agent.finish()
            lines = why_lines(agent.errors.all)
            truth = json.loads(agent.output.finish_line(lambda line: line.startswith('{"doubtful":')))
        report.expect_complete()
        report.expect(report["findings"] == [], "a correct program was accused")
        check(replay(path) == report.text, "the replay differs")
        text = replay(path, form="text")
    expect_readable(text)
    for line in lines:
        check(not re.search(r"[\x00-\x1f\x7f-\x9f]", line), f"a line of --why: {line!r}")
    return report, text, lines, truth


def expect_line(lines, *parts):
    if not any(all(part in line for part in parts) for line in lines):
        raise Failed(f"no line of --why has all of {parts}: {lines[:12]}")


def expect_late_or_not(lines, function, given):
    """One deadline of `given` seconds has fired. The lateness that a line shows is the one of its figures, which are
    rounded to a tenth of a second each."""
    figures = re.compile(rf" s  deadline  {re.escape(function)} .*, after ([\d.]+) s of {given:.1f} s"
                         r"(?:, (?:(\d+) ms|([\d.]+) s) late)?$")
    found = [match for match in map(figures.search, lines) if match]
    check(len(found) == 1, f"{len(found)} lines on the deadline of {function}: {lines[:12]}")
    after, milliseconds, seconds = (float(figure or 0) for figure in found[0].groups())
    late = milliseconds / 1000 + seconds
    check(after >= given and (late or after == given), f"early, or late and does not say so: {found[0].group()}")
    check(abs(after - given - late) < 0.12, f"that is not how late it was: {found[0].group()}")


def with_profile(version):
    """Built with a profile of its cancel functions with a cause: the cancel method is inlined into them."""
    plain = build("./go_why", version)
    with tempfile.TemporaryDirectory() as directory:
        profile, program = os.path.join(directory, "why.pgo"), f"{plain}.pgo"
        for seconds in (5, 20, 60):  # a busy machine takes few samples in a few seconds
            subprocess.run([plain, "-profile", profile, str(seconds)], check=True, stderr=subprocess.DEVNULL,
                           timeout=seconds + 120)
            said = run_go(["build", f"-pgo={profile}", "-gcflags=context=-m", "-o", program, "./go_why"], version)
            if "inlining call to (*cancelCtx).cancel" in said:
                return program
    raise Failed("the profile has made the compiler inline nothing, so nothing is shown")


def go(version, flags=(), make=build):
    need_bpf()
    report, text, lines, truth = run(make("./go_why", version, flags))
    expect_shared(report)
    check("why the " in text and "2 had asked for a later\n" in text, f"the text report: {text}")
    expect_late_or_not(lines, "main.assemble", 2)
    expect_line(lines, " s  parent  main.slow ", "(had asked for a later deadline) <- deadline of main.assemble ", ", 2.0 s")
    expect_line(lines, " s  called  main.slow ", " after its parent's end, by main.slow")
    if minor(version) >= 20:
        expect_given(report)
        stop = line_of("stopped", "causes.go")
        expect_line(lines, " s  explicit  main.stop ", f", by main.stop causes.go:{stop}, cause \"client quota exceeded\"")
        expect_line(lines, " <- parent of main.stop ", f", by main.stop causes.go:{stop}, cause of type *main.quotaError")
    if minor(version) >= 21:
        expect_timeouts(report, truth["doubtful"])
        check(f'cause "{BUDGET}"' in " ".join(text.split()), f"the text report: {text}")


@case("c")
def c():
    need_bpf()
    with c_target() as target, tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "why.rec")
        with Agent("--why", "--record", path, pid=target.pid) as agent:
            target.tell(f"causes {ROUNDS}")
            report = agent.stop()
            lines = why_lines(agent.errors.all)
        truth = target.end()
        check(replay(path) == report.text, "the replay differs")
        expect_readable(replay(path, form="text"))
    report.expect_complete()
    report.expect_counts(truth)
    wanted = [[{"type": None, "text": text, "count": ROUNDS}] for text in TEXTS_OF_C]
    for reason in ("explicit", "parent"):
        told = [row["cause"] for row in rows(report, reason, lambda row: top(row)["function"] == "stop")]
        report.expect([cause for cause in told if cause] == wanted and [] in told, f"{reason}: causes {told}")
    deadline, = report["deadlines"]
    report.expect(top(deadline)["function"] == "expire", f"{deadline}")
    expect_fired(report, deadline, truth["doubtful"], True)
    for reason in ("deadline", "parent"):
        row, = rows(report, reason, lambda row: top(row)["function"] == "expire")
        expect_causes(report, [row], (None, BUDGET), reason, ROUNDS + truth["doubtful"])
    expect_line(lines, " s  explicit  stop ", ', cause "stopped by the operator"')
    expect_line(lines, " s  parent  expire ", "(had asked for a later deadline) <- deadline of expire ", f'cause "{BUDGET}"')


for name, a_version, how in (("go1.17", "1.17", ()), ("go1.18_stripped", "1.18", STRIPPED), ("go1.19", "1.19", ()),
                             ("go1.20", "1.20", ()), ("go1.20_stripped", "1.20", STRIPPED), ("go1.21", "1.21", ()),
                             ("go1.22_stripped", "1.22", STRIPPED), ("go1.24_pie_stripped", "1.24", PIE + STRIPPED),
                             ("go1.25", "1.25", ()), ("go1.26_stripped", "1.26", STRIPPED), ("go1.27", "1.27", ()),
                             ("go1.27_stripped", "1.27", STRIPPED)):
    case(name)(functools.partial(go, VERSIONS[a_version], how))
for a_version in ("1.21", "1.26", "1.27"):
    case("pgo_go" + a_version)(functools.partial(go, VERSIONS[a_version],
                                                 make=lambda package, version, flags: with_profile(version)))


if __name__ == "__main__":
    main()
