# SPDX-License-Identifier: Apache-2.0
"""Targets that exec, fork, stop, die or lose their file; ctxtrace interrupted once, twice and killed."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, note, wait_for
from e2e_go import SOURCES, build
from e2e_metrics import Serving
from e2e_process import RECORDING, Agent, FullPipe, Target
from e2e_recording import HEADER, events
from e2e_report import marked_line
from e2e_traces import bpf_objects, expect_nothing_left, expect_probed


def go_program():
    return build("./go_life"), []


def c_program():
    return environment("E2E_C_BIN"), ["busy"]


PROGRAMS = {"go": go_program, "c": c_program}
PAIR = "pairs 1"  # one context, however little the machine lets the program do


def on_both(name):
    """The same on a Go and on a C program, as cases NAME_go and NAME_c; each gets a function that starts one."""
    def register(function):
        def with_language(language):
            def run():
                need_bpf()
                program, arguments = PROGRAMS[language]()
                function(lambda place=program, **options: Target([place, *arguments], **options), program)
            return run
        for language in PROGRAMS:
            case(f"{name}_{language}")(with_language(language))
        return function
    return register


def expect_end(report, end):
    report.expect(report["window"]["end"] == end, f"window.end is {report['window']['end']}, not {end}")
    report.expect(report["contexts"]["created"] > 0, "nothing was seen")
    report.expect_complete()
    report.expect_no_leak()


def wait_seconds(seconds, is_well):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check(is_well(), "ended too early")
        time.sleep(0.02)


@on_both("exec")
def target_execs(start, _program):
    with start() as target, Agent(pid=target.pid) as agent:
        target.tell(PAIR)
        wait_seconds(1, agent.is_running)
        target.send("exec")
        expect_end(agent.finish(), "target-exit")
        check(target.is_running(), "the program it became should be running")


@on_both("fork")
def target_forks(start, _program):
    with start() as target:
        with Agent(pid=target.pid) as agent:
            for _ in range(20):
                target.tell("fork")
            expect_end(agent.stop(), "signal")
        target.end()


@on_both("stopped")
def target_stopped(start, _program):
    with start() as target:
        with Agent("-d", "4s", "--min-age", "1s", pid=target.pid) as agent:
            target.tell(PAIR)
            check(agent.is_running(), "ended too early")
            target.signal(signal.SIGSTOP)
            expect_end(agent.finish(), "duration")
        target.signal(signal.SIGCONT)
        target.end()


@on_both("attach_to_stopped")
def attach_to_stopped(start, _program):
    """It must not hang; what it sees is for the target to decide."""
    with start() as target:
        target.signal(signal.SIGSTOP)
        with Agent("-d", "2s", pid=target.pid) as agent:
            agent.finish().expect_no_leak()
        target.signal(signal.SIGCONT)
        target.end()


@on_both("killed")
def target_killed(start, _program):
    with start() as target, Agent("--record", RECORDING, pid=target.pid, relative=True) as agent:
        target.tell(PAIR)
        wait_seconds(1, agent.is_running)
        killed = time.monotonic()
        target.signal(signal.SIGKILL)
        expect_end(agent.finish(), "target-exit")
        end = next(event for name, _, event in events(os.path.join(agent.directory, RECORDING)) if name == "END")
        late = HEADER.unpack_from(end)[0] / 1e9 - killed
        note(f"noticed after {late:.3f} s")
        check(0 <= late < 2, f"the end of the target was noticed {late:.3f} s late")


@on_both("exit_during_attach")
def exit_during_attach(start, _program):
    """Killed at any moment of the attach: a report or one line, never a hang or a crash."""
    for milliseconds in (0, 2, 5, 10, 20, 50, 100, 200, 400):
        with start() as target, Agent(pid=target.pid, wait=False) as agent:
            wait_seconds(milliseconds / 1000, lambda: True)
            target.signal(signal.SIGKILL)
            target.wait()
            status = agent.wait()
            errors = agent.errors.finish()
            note(f"killed after {milliseconds} ms: status {status}, {errors}")
            check(status in (0, 3), f"status {status}: {errors}")
            if status == 3:
                check(agent.output.finish() == [], "a failed attach writes nothing to standard output")
                check(len(errors) == 1 and str(target.pid) in errors[0], f"one line that names it, not {errors}")


@on_both("binary_gone")
def binary_gone(start, program):
    """The files are deleted, and another time replaced by something else, before the attach; the C library too."""
    for is_replaced in (False, True):
        directory = tempfile.mkdtemp(prefix="ctxtrace-e2e-")
        library = pathlib.Path(environment("E2E_CONTEXT_LIBRARY"))
        places = [shutil.copy(program, os.path.join(directory, "program")),
                  shutil.copy(library, os.path.join(directory, "libctxtrace-context.so.0"))]
        with start(places[0], env={**os.environ, "LD_LIBRARY_PATH": directory}) as target:
            for place in places:
                os.unlink(place)
                if is_replaced:
                    with open(place, "w", encoding="ascii") as file:
                        file.write("not a program\n")
            with Agent("-d", "2s", pid=target.pid) as agent:
                expect_end(agent.finish(), "duration")
            target.end()
        shutil.rmtree(directory)


@on_both("interrupted_once")
def interrupted_once(start, _program):
    for number in (signal.SIGINT, signal.SIGTERM):
        with start() as target:
            with Agent("-f", "text", pid=target.pid) as agent:
                expect_probed(target.pid)
                objects = bpf_objects(agent.pid)
                target.tell(PAIR)
                wait_seconds(1, agent.is_running)
                expect_end(agent.stop(number), "signal")
                check("contexts" in "\n".join(agent.output.finish()), "no text report on standard output")
            expect_nothing_left(target.pid, objects)
            target.end()


@on_both("interrupted_twice")
def interrupted_twice(start, _program):
    """Where the report cannot be written the second signal ends it."""
    with start() as target:
        with FullPipe() as pipe, Agent("-f", "text", pid=target.pid, stdout=pipe.end) as agent:
            objects = bpf_objects(agent.pid)
            agent.signal(signal.SIGTERM)
            wait_seconds(1, agent.is_running)
            agent.signal_until_gone(signal.SIGINT)
            check(agent.wait() == 130, f"status {agent.wait()}, not 130: {agent.errors.finish()}")
        expect_nothing_left(target.pid, objects)
        target.end()


@on_both("interrupted_as_one")
def interrupted_as_one(start, _program):
    """timeout(1) signals the command and then its group; both signals are there before ctxtrace can handle the first."""
    with start() as target:
        with Agent("-f", "text", pid=target.pid) as agent:
            target.tell(PAIR)
            agent.signal(signal.SIGSTOP)
            agent.signal(signal.SIGINT)
            agent.signal(signal.SIGTERM)
            agent.signal(signal.SIGCONT)
            expect_end(agent.finish(), "signal")
        # What timeout(1) does in its group, but never before ctxtrace takes signals.
        with Agent("-f", "text", pid=target.pid, start_new_session=True) as agent:
            target.tell(PAIR)
            os.kill(agent.pid, signal.SIGTERM)
            for number in (signal.SIGTERM, signal.SIGCONT):
                os.killpg(agent.pid, number)
            expect_end(agent.finish(), "signal")
        target.end()


@on_both("agent_killed")
def agent_killed(start, _program):
    with start() as target:
        with Agent(pid=target.pid) as agent:
            expect_probed(target.pid)
            objects = bpf_objects(agent.pid)
            check(objects, "no BPF object is seen: this check would prove nothing")
            agent.signal(signal.SIGKILL)
            agent.wait()
        expect_nothing_left(target.pid, objects)
        wait_seconds(1, target.is_running)
        target.end()


@on_both("agent_killed_perf_links")
def agent_killed_perf_links(start, _program):
    with start() as target:
        with Agent(pid=target.pid, env={"CTXTRACE_FORCE_PERF": "1"}) as agent:
            expect_probed(target.pid)
            objects = bpf_objects(agent.pid)
            agent.signal(signal.SIGKILL)
            agent.wait()
        expect_nothing_left(target.pid, objects)
        target.end()


@case("run")
def run_traced():
    """`run` passes the command's status on, and exits 1 for a leak."""
    need_bpf()
    program = environment("CTXDEMO_BIN")
    leaking = [program, "lost-child", "--rounds", "60", "--hold", "3"]
    for command, status in (([program, "no-such-scenario"], 2), (["/nonexistent/command"], 127), (["/etc/passwd"], 126),
                            (leaking, 1), ([program, "lost-child-right", "--rounds", "60"], 0)):
        with Agent(run=command, command="run", wait=False) as agent:
            got = agent.wait()
            check(got == status, f"{command}: status {got}, not {status}: {agent.errors.finish()}")


@case("run_ended_at_exit")
def run_ended_at_exit():
    """What is announced while it runs is in the report, although the root's cancel at the end took all of it along."""
    need_bpf()
    program = build("./go_short")
    file, line = marked_line(SOURCES / "go_short" / "main.go", "lose")
    with tempfile.TemporaryDirectory() as directory:
        end = pathlib.Path(directory, "end")
        with Serving("-f", "text", run=[program, "-until", end], command="run") as agent:
            told = agent.errors.wait("what was found", lambda text: "leaked-timer" in text, 60)
            wait_for("all to be proven", lambda: [f["count"] for f in agent.report()["findings"]] == [200], 60)
            end.touch()
            report = agent.finish(1)
            report.expect(report["contexts"]["ended"]["parent"] == 200, "the root was to end all of them")
            finding = report.expect_finding("leaked-timer", "main.lose", file, line)
            report.expect(len(report["findings"]) == 1, "and nothing else")
            report.expect((finding["count"], finding["live"]) == (200, 0), f"{finding['count']}, {finding['live']} live")
            report.expect(finding["oldest_s"] >= 4, f"they lived for four seconds: {finding['oldest_s']}")
            # once, at the first proof: how many were proven by then is a matter of when memory was read
            check(f" main.lose {file}:{line}: " in told and told.endswith(" so far"), f"announced as {told}")
            check(sum("leaked-timer" in text for text in agent.errors.all) == 1, f"said {agent.errors.all}")
            text = "\n".join(agent.output.finish())
            check("200 made, none live" in text and "no leaks" not in text, f"the text report: {text}")
            end.unlink()
        with Agent(run=[program, "-until", end, "right"], command="run") as agent:
            time.sleep(3)  # memory is read more than once, --min-age passes
            end.touch()
            report = agent.finish(0)
            report.expect(report["contexts"]["ended"]["explicit"] == 201, "two hundred and the root")
            report.expect(not report["findings"] and not report["undecided"], "the fixed twin is silent")


if __name__ == "__main__":
    main()
