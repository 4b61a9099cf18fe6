# SPDX-License-Identifier: Apache-2.0
"""What only the target's memory can tell: held or lost, pending in a loop, correct shapes that look lost."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf, note
from e2e_go import DEFAULT, SOURCES, VERSIONS, build, with_profile
from e2e_process import Agent, Target
from e2e_recording import events_by_type
from e2e_report import marked_line

WATCH = ("-d", "8s", "--min-age", "2s")
CONNECTIONS = 10000
ACCEPT = ("main.acceptConnection", *marked_line(SOURCES / "go_held" / "main.go", "accept"))


def held(*commands, every=0):
    """The report on the table of connections after these commands, the attach being complete before the first."""
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            for command in commands:
                target.tell(command)
                time.sleep(every)
            report = agent.finish()
        target.end()
    report.expect_complete()
    report.expect(report["contexts"]["created"] == CONNECTIONS, "not every connection was seen")
    return report


def expect_silent(report):
    report.expect_no_leak()
    report.expect_nothing_confirmed()


@case("held")
def held_before_collection():
    need_bpf()
    expect_silent(held("go"))


@case("held_collected")
def held_after_collection():
    need_bpf()
    # A reading between the making and a collection is needed to know that the collection came later.
    report = held("go", "gc", "gc", "gc", every=1.5)
    expect_silent(report)
    report.expect(not report["undecided"], "memory says that each is held: nothing is undecided")


@case("dropped")
def dropped():
    need_bpf()
    report = held("go", "drop", "gc")
    finding = report.expect_finding("lost-cancel", *ACCEPT)
    report.expect(finding["live"] == CONNECTIONS, f"{finding['live']} of {CONNECTIONS} were found")
    report.expect("parent" in finding["retained_by"], "their parent retains them")


@case("dropped_not_collected")
def dropped_not_collected():
    """Nothing has been collected yet: no proof, so no finding, but the report does not say that all is well."""
    need_bpf()
    report = held("go", "drop")
    expect_silent(report)
    report.expect(sum(u["count"] for u in report["undecided"]) == CONNECTIONS, "undecided does not name them")


@case("dropped_before_attach")
def dropped_before_attach():
    need_bpf()
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        for command in ("go", "drop", "gc"):
            target.tell(command)
        with Agent(*WATCH, pid=target.pid) as agent:
            report = agent.finish()
        target.end()
    found = [f for f in report.leaks() if f["kind"] == "lost-cancel" and f["site"]["unknown"]]
    report.expect(len(found) == 1, "leaks older than the attach: one finding with an unknown site")
    report.expect(found[0]["live"] == CONNECTIONS, f"{found[0]['live']} of {CONNECTIONS} were found")
    report.expect(found[0]["site"]["frames"] == [], "a site nobody saw has no frames")


def unknown_site(report):
    """What is known of the contexts nobody saw being made."""
    return next(site for site in report["sites"] if not site["frames"])


@case("held_before_attach")
def held_before_attach():
    """The tree is complete at once: the ends of what is older than the attach are the ends of something known."""
    need_bpf()
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        target.tell("go")
        with Agent(*WATCH, pid=target.pid) as agent:
            time.sleep(3)
            target.tell("close")
            report = agent.finish()
        target.end()
    report.expect_complete()
    expect_silent(report)
    report.expect(report["quality"]["unmatched"] == 0, "ends of contexts that memory had shown")
    report.expect(report["quality"]["adopted"] == CONNECTIONS + 1, "the connections and their listener")
    report.expect(report["contexts"]["peak_live"] == CONNECTIONS + 1, "they lived all at once")
    report.expect(report["contexts"]["created"] == 0, "nothing was made in the window")
    report.expect(unknown_site(report)["live"] == 1 and report["contexts"]["live"] == 1, "only the listener lives on")


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


@case("million")
def million():
    """A million live contexts: all seen, none lost, and what that costs."""
    need_bpf()
    count = 1000000
    with Target([build("./go_held"), "-count", count]) as target:
        with Agent("--min-age", "1s", pid=target.pid) as agent:
            target.tell("go")
            before = peak_kib(agent.pid)
            began = time.monotonic()
            report = agent.stop()
            seconds = time.monotonic() - began
        target.end()
    note(f"peak before the report {before / 1024:.0f} MiB, report after {seconds:.1f} s")
    report.expect_complete()
    # and the listener, older than the attach
    report.expect(report["contexts"]["live"] == count + 1, "not every context is live")
    expect_silent(report)
    check(before < 400 * 1024, f"{before} KiB for a million live contexts")
    check(seconds < 20, f"{seconds:.1f} s until the report")


@case("million_before_attach")
def million_before_attach():
    """A million contexts older than the attach: adopted once, not told again and again."""
    need_bpf()
    count = 1000000
    with Target([build("./go_held"), "-count", count]) as target:
        target.tell("go")
        with Agent("-d", "8s", "--min-age", "1s", "--record", "all.rec", pid=target.pid, relative=True) as agent:
            time.sleep(7)
            peak = peak_kib(agent.pid)
            report = agent.finish()
            size = (pathlib.Path(agent.directory) / "all.rec").stat().st_size
            told = events_by_type(f"{agent.directory}/all.rec")["OBSERVED"]
        target.end()
    note(f"{told} words on {count} contexts: peak {peak / 1024:.0f} MiB, recording {size / 1e6:.1f} MB")
    report.expect_complete()
    expect_silent(report)
    report.expect(report["contexts"]["live"] == count + 1, "not every context is live")
    report.expect(report["quality"]["adopted"] == count + 1, "the connections and their listener, each once")
    check(peak < 400 * 1024, f"{peak} KiB for a million older contexts")
    check(told < 1.01 * count, f"{told} words on {count} contexts")
    check(size < 40e6, f"a recording of {size} bytes")


@case("capped_before_attach")
def capped_before_attach():
    """What is older takes half of --max-contexts at most: what is made in the window has room."""
    need_bpf()
    with Target([build("./go_held"), "-count", 500]) as target:
        target.tell("go")
        with Agent("--max-contexts", 800, "-d", "6s", pid=target.pid) as agent:
            time.sleep(2)
            target.tell("close")
            report = agent.finish()
        target.end()
    report.expect(report["contexts"]["peak_live"] == 400, "half of the cap: the listener and 399 connections")
    report.expect(report["quality"]["unmatched"] == 101, "the other connections were not known when they ended")
    report.expect(report["contexts"]["live"] == 1, "the listener lives on")
    report.expect(report["quality"]["refused"] == 0, "nothing was refused")


@case("defer_loop")
def defer_loop():
    need_bpf()
    with Target([build("./go_defer_loop")]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            report = agent.finish()
        truth = target.end()
    place = marked_line(SOURCES / "go_defer_loop" / "main.go", "defer-loop")
    finding = report.expect_finding("defer-in-loop", "main.consume", *place)
    report.expect(50 <= finding["count"] <= truth["created"], f"count {finding['count']}")
    report.expect(len(report.leaks()) == 1, "one finding for one fault")


@case("deferred_returns")
def deferred_returns():
    """A recursion and a fan-out defer a hundred each: both return, neither is defer-in-loop. The one is deep: a hint."""
    need_bpf()
    with Target([build("./go_waiting"), "-deferred", 100]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            target.tell("go")
            report = agent.finish()
        target.end()
    report.expect(report["contexts"]["created"] == 200, "not every context was seen")
    report.expect_no_leak()
    found = [(finding["kind"], finding["severity"]) for finding in report["findings"]]
    report.expect(found == [("deep-chain", "hint")], f"correct code was accused: {found}")


def pgo(version):
    need_bpf()
    with Target([with_profile(version)]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            target.tell("go")
            target.tell("gc")
            report = agent.finish()
        target.end()
    report.expect_complete()
    report.expect(report["contexts"]["created"] > 500, "contexts of inlined creators are missing")
    expect_silent(report)


@case("pgo_go1.21")
def pgo_go1_21():
    pgo(VERSIONS["1.21"])


@case("pgo_go1.26")
def pgo_go1_26():
    pgo(DEFAULT)


@case("pgo_go1.27")
def pgo_go1_27():
    pgo(VERSIONS["1.27"])


@case("shapes")
def shapes():
    """The same shapes without a profile."""
    need_bpf()
    with Target([build("./go_pgo")]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            target.tell("go")
            target.tell("gc")
            report = agent.finish()
        target.end()
    report.expect_complete()
    expect_silent(report)


if __name__ == "__main__":
    main()
