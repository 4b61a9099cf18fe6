# SPDX-License-Identifier: Apache-2.0
"""A ring made tiny and a stopped reader: what is lost is counted, and nothing is confirmed that is not true."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf, note, wait_for
from e2e_go import build
from e2e_process import Agent, Target, Waits, c_target, complete, state
from e2e_recording import events_by_type

TINY = {"CTXTRACE_RING_BYTES": "4096"}


def stop_reader(agent):
    agent.signal(signal.SIGSTOP)
    wait_for("ctxtrace to stand still", lambda: state(agent.pid) == "T", 10)


def expect_incomplete(report):
    dropped = sum(report["quality"]["dropped"].values())
    report.expect(dropped > 0, "nothing was dropped by a tiny ring that nobody read")
    report.expect(report["quality"]["verdict"] == "incomplete", "events were lost and the report calls itself complete")
    report.expect(report["quality"]["gaps"] > 0, "lost events make a gap")
    return dropped


def events_of_explicit(env, is_stopped):
    """(events seen and dropped, contexts made, report) of a program that makes one create and one cancel each."""
    options = ["-only", "explicit", "-rounds", 5000, "-workers", 2]
    with Target([build("./go_counts"), *options]) as target:
        with Agent("--no-goroutines", pid=target.pid, env=env) as agent:
            if is_stopped:
                stop_reader(agent)
            target.tell("go")
            agent.signal(signal.SIGCONT)
            report = agent.stop()
        truth = target.end()
    dropped = sum(report["quality"]["dropped"].values())
    note(f"{report['quality']['events']} events seen, {dropped} dropped, {truth['created']} contexts")
    return report["quality"]["events"] + dropped, truth["created"], report


@case("counted_exactly")
def counted_exactly():
    need_bpf()
    all_seen, made, report = events_of_explicit({}, False)
    report.expect_complete()
    beside = all_seen - 2 * made  # ticks, call paths, begin and end of the window
    total, made, report = events_of_explicit(TINY, True)
    expect_incomplete(report)
    report.expect_nothing_confirmed()
    report.expect(report["contexts"]["created"] < made, "the ring was not too small")
    report.expect(abs(total - 2 * made - beside) <= 40,
                  f"{total} events seen and dropped; {2 * made} were caused, and {beside} stood beside them")


KERNEL = ("CREATE", "CANCEL", "CANCEL_CALL", "FREE", "ABANDON")


def expect_sums(report, events, truth):
    """Each event was seen or counted as dropped, none twice and none forgotten, by the library's own numbers."""
    caused = sum(truth[name] for name in ("created", "explicit", "cancel_called", "freed", "abandoned"))
    dropped = sum(report["quality"]["dropped"].values())
    seen = sum(events.get(name, 0) for name in KERNEL)
    note(f"{caused} events were caused, {seen} seen, {dropped} dropped, in {events.get('GAP', 0)} gaps")
    report.expect(seen + dropped == caused, f"{caused} events were caused; {seen} seen and {dropped} dropped")
    report.expect(report["quality"]["lost_events"] == dropped,
                  f"the gaps account for {report['quality']['lost_events']} events, the counters for {dropped}")


@case("c_counted_exactly")
def c_counted_exactly():
    """A tiny ring, read, then not read, then read again: drops add up to the event; nothing is confirmed falsely."""
    need_bpf()
    with c_target() as target:
        with Agent("--min-age", "1s", "--record", "all.rec", pid=target.pid, env=TINY, relative=True) as agent:
            target.tell("pairs 20")
            stop_reader(agent)
            target.tell("pairs 20000")
            agent.signal(signal.SIGCONT)
            wait_for("the ring to be read", lambda: state(agent.pid) != "T", 10)
            target.tell("pairs 300000")
            until = time.monotonic() + 2
            wait_for("what was lost to grow old", lambda: time.monotonic() > until, 10)
            report = agent.stop()
            events = events_by_type(f"{agent.directory}/all.rec")
        truth = target.end()
    check(truth["live"] == 0 and truth["created"] == 320020, f"the target did something else: {truth}")
    expect_incomplete(report)
    report.expect_nothing_confirmed()
    expect_sums(report, events, truth)


def full_speed():
    with c_target() as target:
        with Agent("--record", "all.rec", pid=target.pid, relative=True) as agent:
            with Waits(agent.pid) as waits:
                target.tell("pairs 300000")
                target.tell("lose 100")
            report = agent.stop()
            events = events_by_type(f"{agent.directory}/all.rec")
        truth = target.end()
    expect_sums(report, events, truth)
    return report, waits, truth


@case("c_nothing_dropped")
def c_nothing_dropped():
    """The same sums with the ring as it is: nothing is dropped at full speed."""
    need_bpf()
    report, truth = complete(full_speed)
    live = report["contexts"]["live"] - report["quality"]["adopted"]  # their parent is older than the attach
    report.expect(live == truth["live"], f"{live} live, by the target: {truth['live']}")
    report.expect(report["quality"]["adopted"] == 1, "one parent was there before")


@case("c_real_leak_not_raised")
def c_real_leak_not_raised():
    """A real leak during a loss: it may be told, not confirmed beyond what was seen."""
    need_bpf()
    with c_target() as target:
        with Agent("--min-age", "1s", "--strict", pid=target.pid, env=TINY) as agent:
            stop_reader(agent)
            target.tell("lose 2000")
            agent.signal(signal.SIGCONT)
            until = time.monotonic() + 2
            wait_for("what was lost to grow old", lambda: time.monotonic() > until, 10)
            report = agent.stop(expect=4)
        truth = target.end()
    expect_incomplete(report)
    counted = sum(finding["count"] for finding in report["findings"])
    report.expect(counted <= truth["abandoned"], f"{counted} are told, {truth['abandoned']} were lost")


def unread(agent, target, command):
    """The target does it while nobody reads the ring; then there is time for two readings of its memory."""
    stop_reader(agent)
    target.tell(command)
    agent.signal(signal.SIGCONT)
    until = time.monotonic() + 5
    wait_for("memory to be read", lambda: time.monotonic() > until, 10)


def live_after(commands, made):
    with Target([build("./go_held"), "-count", made]) as target:
        with Agent("--min-age", "1s", pid=target.pid, env=TINY) as agent:
            for command in commands:
                unread(agent, target, command)
            report = agent.stop()
        target.end()
    expect_incomplete(report)
    report.expect(report["contexts"]["created"] < made, "the ring was not too small")
    report.expect_nothing_confirmed()
    return report, report["contexts"]["live"]


@case("go_reconciled")
def go_reconciled():
    """Creates are lost, then ends are: after each loss memory tells what the events did not."""
    need_bpf()
    made = 5000
    report, live = live_after(("go",), made)
    report.expect(live == made + 1, f"{live} live, of {made} and the listener")
    report, live = live_after(("go", "close"), made)
    report.expect(report["contexts"]["peak_live"] == made + 1, "they were all known once")
    report.expect(live == 1, f"{live} live, but all have ended except for the listener")


@case("correct_server")
def correct_server():
    """Half of the cancels are lost: exactly what a leak looks like."""
    need_bpf()
    with Target([build("./go_server"), "-rate", 1000]) as server:
        with Agent("-d", "8s", "--min-age", "1s", pid=server.pid, env=TINY) as agent:
            stop_reader(agent)
            until = time.monotonic() + 2
            wait_for("two seconds of requests", lambda: time.monotonic() > until, 10)
            agent.signal(signal.SIGCONT)
            report = agent.finish()
        server.end()
    expect_incomplete(report)
    report.expect(not [f for f in report.leaks() if f["confidence"] == "confirmed"], "correct code, and confirmed")


@case("strict")
def strict():
    need_bpf()
    with Target([build("./go_counts"), "-rounds", 20]) as target:
        with Agent("--strict", pid=target.pid, env=TINY) as agent:
            stop_reader(agent)
            target.tell("go")
            agent.signal(signal.SIGCONT)
            expect_incomplete(agent.stop(expect=4))
        target.end()


if __name__ == "__main__":
    main()
