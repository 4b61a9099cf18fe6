# SPDX-License-Identifier: Apache-2.0
"""`ctxtrace census` of C programs: those whose context library lists its contexts, and those whose memory does not."""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, wait_for
from e2e_census import check_whole, need_memory, run
from e2e_process import Target, demo


def census(pid, *arguments):
    return json.loads(run("census", "-p", pid, "-f", "json", *arguments).stdout)


def groups(report):
    return {(g["state"], g["kind"], g["parent"]["kind"], g["depth"]): g["count"] for g in report["census"]["groups"]}


def findings(report):
    return [(f["kind"], f["severity"], f["confidence"], f["count"]) for f in report["findings"]]


def exact(binary):
    """1,000 lost, 500 held, 300 that came and went, and the program's own root."""
    need_memory()
    with Target([binary]) as target:
        for command in ("lose 1000", "hold 500", "pairs 300"):
            target.tell(command)
        report = census(target.pid)
        truth = target.end()
    check(groups(report) == {("lost", "cancel", "cancel", 1): truth["abandoned"],
                             ("held", "cancel", "cancel", 1): truth["live"] - truth["abandoned"],
                             ("held", "cancel", "background", 0): 1}, f"groups {groups(report)}, truth {truth}")
    check(findings(report) == [("lost-cancel", "leak", "confirmed", 1000)], f"findings {findings(report)}")
    check(report["target"]["runtime"] == "c" and report["census"]["collections"] is None, f"{report['census']}")
    check(report["quality"]["scans"] == 2 and report["quality"]["failed_scans"] == 0, f"{report['quality']}")


@case("shared")
def shared():
    exact(environment("E2E_C_BIN"))


@case("linked_in")
def linked_in():
    exact(environment("E2E_C_STATIC_BIN"))


def refused(pid):
    done = run("census", "-p", pid, status=3)
    check(not done.stdout and len(done.stderr.splitlines()) == 1, done.stderr)
    check(f"process {pid}" in done.stderr and "lists its contexts" in done.stderr, done.stderr)
    check("watch it instead" not in done.stderr, f"nor can it be watched: {done.stderr}")


@case("stripped")
def stripped():
    """The library linked in and no symbol left: nobody can know where its lists are."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory) / "stripped"
        subprocess.run(["strip", "--strip-all", "-o", copy, environment("E2E_C_STATIC_BIN")], check=True)
        with Target([copy]) as target:
            refused(target.pid)


@case("no_library")
def no_library():
    need_memory()
    with Target([environment("E2E_STATIC_BIN")]) as target:
        refused(target.pid)
        target.signal(signal.SIGKILL)


@case("busy")
def busy():
    """Contexts come and go while the lists are read: nothing is lost, and what is held is there."""
    need_memory()
    with Target([environment("E2E_C_BIN"), "busy"]) as target:
        target.tell("hold 2000")
        for _ in range(5):
            report = census(target.pid)
            check(findings(report) == [], f"correct code was accused: {findings(report)}")
            check_whole(report)
            check(groups(report)["held", "cancel", "cancel", 1] >= 2000, f"{groups(report)}")
        target.end()
    with demo("churn") as target:
        report = census(target.pid, "--watch", "1s", "-d", "3s", "-q")
        check(findings(report) == [] and report["contexts"]["live"] < 50, f"{report['contexts']}, {findings(report)}")


@case("timers")
def timers():
    need_memory()
    with demo("lost-cancel", "--rounds", "40", "--rate", "0", "--hold", "60") as target:
        wait_for("40 contexts", lambda: census(target.pid)["contexts"]["live"] == 41, 60)
        report = census(target.pid)
        target.end()
    check(findings(report) == [("leaked-timer", "leak", "confirmed", 40)], f"findings {findings(report)}")
    lost = next(g for g in report["census"]["groups"] if g["state"] == "lost")
    check(lost["retained_by"] == ["parent", "timer"] and 3000 < lost["deadline_in_s"]["min"] <= 3600, f"{lost}")


@case("after_funcs")
def after_funcs():
    """Every request leaves a registration on the server's context: three readings that found more, twenty more in all."""
    need_memory()
    with demo("after-func", "--rate", "50") as target:
        report = census(target.pid, "--watch", "1s", "-d", "10s", "-q")
        target.end()
    check([f[:3] for f in findings(report)] == [("unstopped-after-func", "leak", "confirmed")], f"{findings(report)}")


@case("held")
def held():
    """A table of idle connections with their handles, and a server with a shutdown hook: correct."""
    need_memory()
    for name in ("held", "service"):
        with demo(name) as target:
            report = census(target.pid)
            check(report["findings"] == [], f"{name} was accused: {findings(report)}")
            target.end()


if __name__ == "__main__":
    main()
