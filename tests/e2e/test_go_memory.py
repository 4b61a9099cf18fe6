# SPDX-License-Identifier: Apache-2.0
"""What only the target's memory can tell: held or lost, pending in a loop, correct shapes that look lost."""
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf, note, wait_for
from e2e_go import DEFAULT, SOURCES, VERSIONS, build, with_profile
from e2e_metrics import Serving
from e2e_process import Agent, Target
from e2e_recording import events_by_type
from e2e_report import marked_line

WATCH = ("-d", "8s", "--min-age", "2s")
CONNECTIONS = 10000
ACCEPT = ("main.acceptConnection", *marked_line(SOURCES / "go_held" / "main.go", "accept"))


def check_held(report):
    report.expect_complete()
    report.expect(report["contexts"]["created"] == CONNECTIONS, "not every connection was seen")
    return report


def held(*commands):
    """The report on the table of connections after these commands, the attach being complete before the first."""
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        with Agent(*WATCH, pid=target.pid) as agent:
            for command in commands:
                target.tell(command)
            report = agent.finish()
        target.end()
    return check_held(report)


def wait_read(agent):
    """Until all of memory has been read once more; a reading that goes on already does not count."""
    before = agent.report()["quality"]["scans"]
    wait_for("a reading of memory", lambda: agent.report()["quality"]["scans"] >= before + 2, 60)


def stop_after(agent, seconds):
    """The report on a window of so many seconds or more."""
    wait_for(f"{seconds} s", lambda: agent.report()["window"]["duration_s"] >= seconds, seconds + 60)
    return agent.stop()


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
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        with Serving("--min-age", "2s", pid=target.pid) as agent:
            for command in ("go", "gc", "gc", "gc"):
                target.tell(command)
                wait_read(agent)
            report = stop_after(agent, 8)
        target.end()
    expect_silent(check_held(report))
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


def wait_adopted(agent, count):
    wait_for("what is older in the tree", lambda: agent.report()["quality"]["adopted"] == count, 60)


def unknown_site(report):
    """What is known of the contexts nobody saw being made."""
    return next(site for site in report["sites"] if not site["frames"])


@case("held_before_attach")
def held_before_attach():
    """The tree is complete at once: the ends of what is older than the attach are the ends of something known."""
    need_bpf()
    with Target([build("./go_held"), "-count", CONNECTIONS]) as target:
        target.tell("go")
        with Serving("--min-age", "2s", pid=target.pid) as agent:
            wait_adopted(agent, CONNECTIONS + 1)
            target.tell("close")
            report = stop_after(agent, 8)
        target.end()
    report.expect_complete()
    expect_silent(report)
    report.expect(report["quality"]["unmatched"] == 0, "ends of contexts that memory had shown")
    report.expect(report["quality"]["adopted"] == CONNECTIONS + 1, "the connections and their listener")
    report.expect(report["contexts"]["peak_live"] == CONNECTIONS + 1, "they lived all at once")
    report.expect(report["contexts"]["created"] == 0, "nothing was made in the window")
    report.expect(unknown_site(report)["live"] == 1 and report["contexts"]["live"] == 1, "only the listener lives on")


def cpu_seconds(pid):
    """Of all threads so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def usage_at_end(process):
    """What the process took in its whole life, waited for."""
    _, status, usage = wait_for("the end", lambda: (done := os.wait4(process.pid, os.WNOHANG))[0] and done, 60)
    process.process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def mapped_kib(pid):
    """What is resident of files and of the ring."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssFile:"))


@case("million")
def million():
    """A million live contexts: all seen, none lost, and what that costs."""
    need_bpf()
    count, ring = 1000000, 256 << 20  # has room for every event, whoever has the processor
    with Target([build("./go_held"), "-count", count]) as target:
        with Agent("--min-age", "1s", pid=target.pid, env={"CTXTRACE_RING_BYTES": str(ring)}) as agent:
            twice = ring // 512  # it is mapped twice, in KiB
            counted = twice if mapped_kib(agent.pid) >= twice else 0
            target.tell("go", 500)
            used = cpu_seconds(agent.pid)
            agent.signal(signal.SIGINT)
            usage = usage_at_end(agent)
            report = agent.finish()
            seconds = usage.ru_utime + usage.ru_stime - used
            peak = usage.ru_maxrss - counted
        target.end()
    note(f"{report['quality']['events']} events, peak {peak / 1024:.0f} MiB and the ring, report: {seconds:.1f} s CPU")
    report.expect_complete()
    # and the listener, older than the attach
    report.expect(report["contexts"]["live"] == count + 1, "not every context is live")
    expect_silent(report)
    check(peak < 400 * 1024, f"{peak} KiB for a million live contexts")
    check(seconds < 20, f"{seconds:.1f} s of CPU for the report")


@case("million_before_attach")
def million_before_attach():
    """A million contexts older than the attach: adopted once, not told again and again."""
    need_bpf()
    count = 1000000
    with Target([build("./go_held"), "-count", count]) as target:
        target.tell("go")
        with Agent("-d", "8s", "--min-age", "1s", "--record", "all.rec", pid=target.pid, relative=True) as agent:
            peak = usage_at_end(agent).ru_maxrss
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
        with Serving("--max-contexts", 800, pid=target.pid) as agent:
            wait_adopted(agent, 400)
            target.tell("close")
            report = stop_after(agent, 6)
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
