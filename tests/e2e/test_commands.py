# SPDX-License-Identifier: Apache-2.0
"""Every command and option on a C program: what it promises in --help and in the manual page."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, note, wait_for
from e2e_process import Agent, c_target, demo
from e2e_report import Report
from e2e_traces import changed_code_bytes

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH = 19, 2


def ctxtrace(*arguments, status=0, env=None):
    """Run it to its end. @return (standard output, lines of standard error)."""
    line = [environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    check(done.returncode == status, f"status {done.returncode}, not {status}: {done.stderr[-2000:]}")
    return done.stdout, done.stderr.splitlines()


def options_of_help():
    """{long name: what stands in its row}"""
    text, errors = ctxtrace("--help")
    check(not errors, "help goes to standard output")
    rows = re.findall(r"^  (?:-\w,|   ) --([\w-]+)(\S*(?: \w+)?)  +(\S.*)$", text, re.M)
    return {name: help_text for name, _, help_text in rows}


@case("help")
def help_and_manual():
    """What the table of options has, --help and the manual page tell, and they tell of nothing else."""
    source = (ROOT / "user" / "cli_options.c").read_text(encoding="utf-8")
    table = set(re.findall(r"^\t\{ CT_OPTION_\w+, (?:'\w'|\d+), \"([\w-]+)\",", source, re.M))
    check(len(table) > 15, f"the table was not understood: {table}")
    shown = options_of_help()
    check(set(shown) == table, f"--help and the table differ: {set(shown) ^ table}")
    check(all(len(text) > 10 for text in shown.values()), "an option without a word about it")
    manual = (ROOT / "docs" / "ctxtrace.1.scd").read_text(encoding="utf-8")
    described = set(re.findall(r"^\*(?:-\w, )?--([\w-]+)\*", manual, re.M))
    check(described == table, f"the manual page and the table differ: {described ^ table}")
    text, _ = ctxtrace("-h")
    for heading in ("What to watch", "What comes out", "What counts", "exit status", "How much", "Examples:"):
        check(heading in text, f"no heading {heading}")
    for command in ("-p PID", "run ", "replay ", "census ", "check "):
        check(f"ctxtrace {command}" in text, f"--help does not show {command}")
        check(f"*ctxtrace* {command.split()[0]}" in manual, f"the manual page does not show {command}")
    long = [line for line in text.splitlines() if len(line) > 100]
    check(not long, f"lines wrap: {long}")


@case("version")
def version():
    text, errors = ctxtrace("--version")
    check(not errors and re.match(r"ctxtrace \d+\.\d+\.\d+\n", text), f"no version: {text}")
    for word in ("text", "json", "go", "ctxtrace-context"):
        check(word in text, f"--version does not name {word}")


@case("check")
def check_command():
    """The plan is told and nothing is attached."""
    need_bpf()
    text, _ = ctxtrace("check")
    check(re.search(r"^kernel \S+: probes attach by (uprobe_multi|perf_event) links$", text, re.M), f"no kernel: {text}")
    check("capabilities: all there" in text, f"no capabilities: {text}")
    text, _ = ctxtrace("check", env={"CTXTRACE_FORCE_PERF": "1"})
    check("perf_event" in text, f"perf_event was wished for: {text}")
    with c_target("busy") as target:
        text, errors = ctxtrace("check", "-p", target.pid)
        check(changed_code_bytes(target.pid) == 0, "a dry run attaches nothing")
        check(not errors, f"errors: {errors}")
        with Agent("-d", "1s", pid=target.pid) as agent:
            agent.finish()
        check(f"target {target.pid}" in text, f"no target: {text}")
        points = re.findall(r"^  (\S+) +0x[0-9a-f]+ +(cctx_\w+_|pthread_\w+)", text, re.M)
        check(len(points) == agent.probes, f"{len(points)} points are planned, {agent.probes} were attached")
        check(("create", "cctx_create_") in points and ("cancel", "cctx_cancel_") in points, f"roles: {points}")
        check(("thread-start", "pthread_create") in points, f"roles: {points}")
        check(re.search(r"^tasks: about \d+ us for each thread that is started; --no-goroutines", text, re.M), f"cost: {text}")


def leaking_recording(directory, *window):
    """(recording, JSON report, lines of standard error) of one leak of 40 contexts, stopped when they are found, or by
    the window's own end."""
    path = os.path.join(directory, "leak.rec")
    with c_target() as target, Agent("--record", path, "--min-age", "1s", *window, pid=target.pid) as agent:
        target.tell("lose 40")
        target.tell("pairs 10")
        report = agent.finish() if window else agent.stop_when_found("lost-cancel", 1)
        check(target.end()["abandoned"] == 40, "forty were to be lost")
        return path, report, agent.errors.all


@contextlib.contextmanager
def recorded_leak(*window):
    need_bpf()
    with tempfile.TemporaryDirectory() as directory:
        yield leaking_recording(directory, *window)


@case("announced")
def announced():
    """A finding is told when it is first confirmed, once, with its place; and nothing more is said, without terminal."""
    with recorded_leak() as (_, report, errors):
        finding = report.expect_finding("lost-cancel", "lose", "c_target.c")
        check(finding["count"] == 40, f"count {finding['count']}")
        told = [line for line in errors if "lost-cancel" in line]
        check(len(told) == 1 and "lose c_target.c:" in told[0] and "leak" in told[0], f"announced as {told}")
        check(len(errors) == 2, f"beside `watching` and the finding: {errors}")
        check(not any("\x1b" in line or "\r" in line for line in errors), "no terminal, no escape sequences")


@case("fail_on")
def fail_on():
    """Exit status by what was found; --fail-on before --strict."""
    with recorded_leak() as (path, _, _):
        age = ("--min-age", "1s")
        for kinds, status in (("leak", 1), ("any", 1), ("lost-cancel", 1), ("todo-root,lost-cancel", 1), ("none", 0),
                              ("todo-root", 0), ("leaked-timer,orphaned-context", 0)):
            ctxtrace("replay", path, *age, "--fail-on", kinds, status=status)
        ctxtrace("replay", path, *age)
        ctxtrace("replay", path, *age, "--strict")
        ctxtrace("replay", path, "--min-age", "1h", "--fail-on", "any")


@case("suppress")
def suppress():
    """A known finding is left out, and counted, never silent."""
    with recorded_leak() as (path, _, _), tempfile.TemporaryDirectory() as directory:
        rules = os.path.join(directory, "rules")
        for line, is_hidden in (("lost-cancel lose", True), ("lost-cancel lo*", True), ("* lose", True),
                                ("# lost-cancel lose", False), ("todo-root lose", False), ("lost-cancel hold", False)):
            pathlib.Path(rules).write_text(f"# rules of a test\n\n{line}\n", encoding="ascii")
            text, _ = ctxtrace("replay", path, "--min-age", "1s", "-f", "json", "--suppress", rules, "--fail-on", "any",
                               status=0 if is_hidden else 1)
            report = Report(text)
            check(bool(report["findings"]) != is_hidden, f"{line}: {report['findings']}")
            check(report["quality"]["suppressed"] == int(is_hidden), f"{line}: suppressed is not counted")
        pathlib.Path(rules).write_text("lost-cancel lose\n", encoding="ascii")
        text, _ = ctxtrace("replay", path, "--min-age", "1s", "--suppress", rules)
        check("suppressed" in text, f"the text report is silent about it: {text}")


@case("outputs")
def outputs():
    """-o for what has no file of its own, -f F=FILE as often as wanted; the same report wherever it goes."""
    with recorded_leak() as (path, live, _), tempfile.TemporaryDirectory() as directory:
        age = ("replay", path)
        on_stdout, _ = ctxtrace(*age, "-f", "json")
        check(on_stdout == live.text, "replay and live run differ")
        text, _ = ctxtrace(*age)
        check(text == ctxtrace(*age, "-f", "text")[0] and "LEAK lost-cancel" in text, "text is not the default")
        one, two, three = (os.path.join(directory, name) for name in ("one", "two", "three"))
        pathlib.Path(one).write_text("x" * 100000, encoding="ascii")
        silent, _ = ctxtrace(*age, "-o", one, "-f", f"json={two}", "-f", "text", "-f", f"text={three}")
        check(silent == "", "everything has a file, so nothing is for standard output")
        got = [pathlib.Path(file).read_text(encoding="utf-8") for file in (one, two, three)]
        check(got == [text, on_stdout, text], "files and standard output differ")
        both, _ = ctxtrace(*age, "-f", "text", "-f", f"json={two}")
        check(both == text, "the text report was for standard output")


@case("tree")
def tree():
    with recorded_leak() as (path, live, _):
        check("tree" not in live.json, "a tree only when asked for")
        report = Report(ctxtrace("replay", path, "--min-age", "1s", "-f", "json", "--tree")[0])
        count, todo = 0, list(report["tree"])
        while todo:
            node = todo.pop()
            count += 1
            check(re.fullmatch(r"0x[0-9a-f]+", node["id"]), f"an id as a string: {node['id']}")
            todo += node["children"]
        check(count == report["contexts"]["live"] == 41, f"{count} nodes, {report['contexts']['live']} live")
        text, _ = ctxtrace("replay", path, "--min-age", "1s", "--tree")
        check(len(re.findall(r"^ +cancel .*lose", text, re.M)) == 40, f"no tree in {text[-800:]}")


def why_lines(path, *command):
    """(lines of --why, contexts of the report), live; the recording is at path."""
    with Agent("--why", "--record", path, command="run", wait=False,
               run=[environment("CTXDEMO_BIN"), *command]) as agent:
        report = agent.finish()
        return [line for line in agent.errors.all if re.match(r"\+\d+\.\d{6} s  ", line)], report["contexts"]


@case("why")
def why():
    """Each cancellation with who did it; a pattern narrows it; a replay says the same."""
    need_bpf()
    seen = {"explicit": 0, "deadline": 0, "parent": 0}
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "all.rec")
        for command in (("service", "--rounds", "20"), ("assemble-right", "--rounds", "3")):
            lines, contexts = why_lines(path, *command)
            for reason in seen:
                told = [line for line in lines if f" s  {reason}  " in line]
                check(len(told) == contexts["ended"][reason], f"{reason}: {len(told)} lines, the report: {contexts}")
                seen[reason] += len(told)
                word = {"explicit": ", by ", "parent": " <- ", "deadline": "deadline"}[reason]
                check(all(word in line for line in told), f"no {word!r} in {told[:3]}")
            check(ctxtrace("replay", path, "--why")[1] == lines, "the replay tells otherwise")
        check(all(seen.values()), f"not every reason was there: {seen}")
        chains = [line for line in lines if " s  parent  " in line]
        check(all(" <- deadline of " in line for line in chains), f"the chain does not lead to the deadline: {chains[:3]}")
        some = ctxtrace("replay", path, "--why=assemble*")[1]
        check(0 < len(some) < len(lines) and all("assemble" in line for line in some), f"the pattern: {some[:5]}")
        check(ctxtrace("replay", path, "--why=nothing.like.this")[1] == [], "the pattern fits nothing")


@case("no_goroutines")
def no_goroutines():
    need_bpf()
    probes, seen = [], []
    for arguments in ((), ("--no-goroutines",)):
        with Agent(*arguments, command="run", run=[environment("CTXDEMO_BIN"), "assemble-right", "--rounds", "2"]) as agent:
            seen.append(agent.finish()["tasks"]["seen"])
            probes.append(agent.probes)
    check(seen[0] > 0 and seen[1] == 0, f"tasks seen: {seen}")
    check(probes[1] < probes[0], f"probes: {probes}")


@case("max_contexts")
def max_contexts():
    need_bpf()
    with c_target() as target:
        with Agent("--max-contexts", "100", pid=target.pid) as agent:
            target.tell("hold 250")
            report = agent.stop()
        target.end()
    report.expect(report["quality"]["refused"] >= 150, "what the cap refused is counted")
    report.expect(report["contexts"]["live"] <= 100, "the cap was passed")
    report.expect(report["quality"]["verdict"] == "incomplete", "contexts are missing and the report calls itself complete")


@case("quiet_verbose")
def quiet_verbose():
    need_bpf()
    with c_target() as target:
        with Agent("-q", "-d", "1s", "-f", "text", pid=target.pid, wait=False) as agent:
            agent.finish()
            check(agent.errors.all == [], f"-q and yet: {agent.errors.all}")
            check(agent.output.finish(), "the report is no chatter")
        with Agent("-v", "-d", "1s", pid=target.pid, wait=False) as agent:
            agent.finish()
            said = "\n".join(agent.errors.all)
        check("provider ctxtrace-context: 9 probes in" in said and "links in" in said, f"-v says: {said}")
        target.end()


@case("privileges")
def privileges():
    """After the attach nothing is left but what reading /proc needs, and no more can be had."""
    need_bpf()
    with c_target() as target, Agent(pid=target.pid) as agent:
        status = pathlib.Path(f"/proc/{agent.pid}/status").read_text(encoding="ascii")
        allowed = 1 << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            mask = int(re.search(rf"^{name}:\s*([0-9a-f]+)$", status, re.M).group(1), 16)
            check(mask & ~allowed == 0, f"{name} is {mask:#x}")
        check(re.search(r"^NoNewPrivs:\s*1$", status, re.M), "no_new_privs is not set")
        target.tell("pairs 10")
        agent.stop().expect_complete()


@case("json_contract")
def json_contract():
    """Two replays of one recording are the same to the byte; field names are those of the contract."""
    with recorded_leak("-d", "10s") as (path, live, _):
        texts = {ctxtrace("replay", path, "--min-age", "1s", "-f", "json", "--tree")[0] for _ in range(2)}
        check(len(texts) == 1, "two replays differ")
        names = {"schema", "target", "providers", "window", "quality", "contexts", "tasks", "requests", "findings",
                 "cancels", "undecided", "sites", "deadlines"}
        check(names <= set(live.json), f"missing: {names - set(live.json)}")
        finding = {"kind", "severity", "confidence", "evidence", "advice", "count", "live", "oldest_s", "rate_per_min",
                   "retained_by", "retained_bytes", "site", "at", "examples", "fingerprint"}
        cancel = {"site", "reason", "by", "origin", "count", "late", "late_max_s", "cause"}
        check(all(cancel <= set(row) for row in live["cancels"]), f"a row of cancels: {live['cancels'][:1]}")
        check(finding <= set(live["findings"][0]), f"missing: {finding - set(live['findings'][0])}")
        check(live["window"]["end"] == "duration" and live["target"]["runtime"] == "c", json.dumps(live["window"]))


def fields(value):
    """The names of all fields, however deep; causes of drops are the kernel's names for them."""
    if isinstance(value, list):
        return set().union(*map(fields, value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(fields(inner) for name, inner in value.items() if name not in ("dropped", "failed")))


@case("report_reference")
def report_reference():
    """docs/report.md names each field that a golden report has, and none that no report has."""
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "docs/report.md").read_text(encoding="utf-8")
    found = set().union(*(fields(json.loads(path.read_text(encoding="utf-8")))
                          for path in (root / "tests/golden").glob("*/expect.json")))
    named = set(re.findall(r"`([a-z_0-9]+)`", page))
    values = {"go", "c", "memory", "complete", "incomplete", "duration", "signal", "ring_full", "leak", "warning", "hint",
              "confirmed", "suspected", "timer", "goroutine", "none", "null", "run", "census", "replay"}
    check(len(found) > 100, f"only {len(found)} fields in the golden reports")
    check(found <= named, f"not in docs/report.md: {sorted(found - named)}")
    check(named - values <= found, f"in docs/report.md, but in no golden report: {sorted(named - values - found)}")


if __name__ == "__main__":
    main()
