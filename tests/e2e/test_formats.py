# SPDX-License-Identifier: Apache-2.0
"""pprof, folded, sarif, junit and trace: read by the programs that people read them with, compared with the JSON report."""
import collections
import contextlib
import gzip
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf
from e2e_census import Leaks, need_memory
from e2e_go import SOURCES, build
from e2e_process import Agent, Target
from e2e_report import Report, marked_line
from e2e_viewers import junit_cases, pprof, pprof_samples, sarif_problems, speedscope

NAMES = {"text": "report.txt", "pprof": "leak.pb.gz", "folded": "leak.folded", "sarif": "leak.sarif",
         "junit": "leak.xml", "trace": "leak.trace.json"}
DEMO = pathlib.Path(__file__).resolve().parent.parent / "golden" / "demo.recording"


def formats(directory, *without):
    return [word for name, file in NAMES.items() if name not in without
            for word in ("-f", f"{name}={os.path.join(directory, file)}")]


def replay(recording, directory, *arguments, status=0):
    """The report; every format is in the directory."""
    line = [environment("CTXTRACE_BIN"), "replay", recording, "-f", "json", *formats(directory), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == status, f"replay ended with {done.returncode}: {done.stderr[-1000:]}")
    return Report(done.stdout)


@contextlib.contextmanager
def told(target, *arguments, commands=(), command="watch"):
    """(directory, report): a leaking program was watched, and every format written in one run."""
    with tempfile.TemporaryDirectory() as directory, target:
        arguments = (*formats(directory), "--record", os.path.join(directory, "recording"), *arguments)
        with Agent(*arguments, pid=target.pid, command=command, wait=command == "watch") as agent:
            for word in commands:
                target.tell(word)
            report = agent.finish()
        report.expect(report.leaks(), "a leaking program was to be shown, and nothing leaks")
        yield directory, report


def watched(*arguments, flags=()):
    """A program that loses as many contexts as it is told to, and collects its garbage then."""
    need_bpf()
    target = Target([build("./go_held", flags=flags), "-count", 200])
    return told(target, "-d", "8s", "--min-age", "2s", *arguments, commands=("go", "drop", "gc"))


def stack(finding):
    return [(frame["function"], frame["file"] or "", frame["line"] or 0, frame["inlined"])
            for frame in finding["site"]["frames"]]


def nanoseconds(seconds):
    return round(seconds * 1e9)


def check_pprof(directory, report):
    """One sample a finding, with its numbers, labels and frames; what pprof sums is the sum of the report's."""
    file = os.path.join(directory, NAMES["pprof"])
    samples, findings = pprof_samples(file), report["findings"]
    check(len(samples) == len(findings), f"{len(samples)} samples, {len(findings)} findings")
    for (values, labels, frames), finding in zip(samples, findings):
        wanted = (finding["count"], nanoseconds(finding["oldest_s"]), finding["retained_bytes"])
        check(values == wanted, f"{finding['kind']}: {values}, the report says {wanted}")
        check(labels["rule"] == finding["kind"] and labels["severity"] == finding["severity"], f"labels {labels}")
        known = stack(finding)
        check(frames[:len(known)] == known if known else frames[0][0] == "[unknown]", f"{frames} instead of {known}")
    top = pprof("-top", file)
    total = sum(finding["count"] for finding in findings)
    check("Type: leaked_contexts" in top and f"Total samples = {total} " in top + " ", f"not {total} in {top[:600]}")
    check(report["target"]["build_id"] in top, f"no build id: {top[:300]}")
    traces = pprof("-sample_index=age", "-traces", file)
    check("Type: age" in traces and traces.count("rule:") == len(findings), f"no ages: {traces[:600]}")
    retained = pprof("-sample_index=retained", "-top", "-unit=B", file)
    check(f"{sum(f['retained_bytes'] for f in findings)}B total" in retained, f"retained: {retained[:400]}")
    leaks = sum(finding["count"] for finding in report.leaks())
    focused = pprof("-top", "-tagfocus=severity=leak", file)
    check(f" {leaks}, " in focused.split("Showing nodes accounting for")[1][:20], f"not {leaks} leaks: {focused[:600]}")
    same = pprof("-top", "-diff_base", file, file)
    check(re.search(r"^Showing nodes accounting for 0,", same, re.M), f"a difference to itself: {same[:400]}")


def check_folded(directory, report):
    lines = pathlib.Path(directory, NAMES["folded"]).read_text(encoding="utf-8").splitlines()
    check(len(lines) == len(report["findings"]), f"{len(lines)} lines, {len(report['findings'])} findings")
    for line, finding in zip(lines, report["findings"]):
        frames, number = line.rsplit(" ", 1)
        check(int(number) == finding["count"], f"{line}: the report says {finding['count']}")
        known = [name.replace(" ", r"\x20").replace(";", r"\x3b") for name, *_ in stack(finding)] or ["[unknown]"]
        check(frames.split(";")[::-1][:len(known)] == known, f"{line}: the report has {known}")


def check_sarif(directory, report):
    file = os.path.join(directory, NAMES["sarif"])
    problems = sarif_problems(file)
    check(not problems, f"sarif-multitool: {problems[:5]}")
    run = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))["runs"][0]
    check(len(run["results"]) == len(report["findings"]), "not a result a finding")
    levels = {"leak": "error", "warning": "warning", "hint": "note"}
    for result, finding in zip(run["results"], report["findings"]):
        check(result["ruleId"] == finding["kind"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"],
              f"rule {result['ruleId']}, the report says {finding['kind']}")
        check(result["level"] == levels[finding["severity"]], f"{result['level']} for {finding['severity']}")
        check(result["occurrenceCount"] == finding["count"], f"{result['occurrenceCount']} of {finding['count']}")
        check(result["partialFingerprints"]["ctxtrace/v1"] == finding["fingerprint"], "another fingerprint")
        check(finding["evidence"] in result["message"]["text"], f"no evidence in {result['message']}")
    hashes = collections.Counter(result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"])
    check(not hashes or max(hashes.values()) == 1, f"two alerts would be one: {hashes}")
    return run


def check_junit(directory, report):
    """Failures are the confirmed leaks, since --fail-on was not given."""
    read = junit_cases(os.path.join(directory, NAMES["junit"]))
    failing = collections.Counter(f["kind"] for f in report.leaks() if f["confidence"] == "confirmed")
    for name, results in read["cases"].items():
        failures = [message for sort, message, _ in results if sort == "Failure"]
        check(len(failures) == failing[name], f"{name}: {len(failures)} failures, the report has {failing[name]}")
        for finding in report["findings"]:
            check(finding["kind"] != name or name not in failing or finding["severity"] != "leak" or
                  finding["evidence"] in failures, f"{name}: not among {failures}: {finding['evidence']}")
    check((read["tests"], read["failures"]) == (len(read["cases"]), len(failing)), f"sums: {read}")
    return read


def lives(directory):
    """(names of lanes, lives, how many were left out) of the trace."""
    trace = json.loads(pathlib.Path(directory, NAMES["trace"]).read_text(encoding="utf-8"))
    events = trace["traceEvents"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    return names, [event for event in events if event["ph"] == "X"], trace["otherData"]["contexts_left_out"]


def check_trace(directory, report):
    """As many lives as contexts, live ones to the end of the window, each on a lane with a name; they nest."""
    names, spans, left_out = lives(directory)
    check(not left_out, f"{left_out} contexts are not in the trace")
    contexts, adopted = report["contexts"], report["quality"]["adopted"]
    ended = collections.Counter(span["args"]["ended"] for span in spans if "before_attach" not in span["args"])
    check(ended[None] + len([s for s in spans if "before_attach" in s["args"] and not s["args"]["ended"]]) ==
          contexts["live"], f"{ended} and before_attach, live {contexts['live']}")
    for reason, count in contexts["ended"].items():
        check(ended[reason] == count, f"{reason}: {ended[reason]} lives, the report says {count} (adopted {adopted})")
    open_spans = collections.defaultdict(list)
    for span in sorted(spans, key=lambda s: (s["tid"], s["ts"], -s["dur"])):
        begin, end, stacked = round(span["ts"] * 1000), round((span["ts"] + span["dur"]) * 1000), open_spans[span["tid"]]
        while stacked and stacked[-1] <= begin:
            stacked.pop()
        # microseconds are written to the nanosecond, and read as doubles
        check(not stacked or end <= stacked[-1] + 1, f"overlaps without nesting: {span}")
        stacked.append(end)
        check(span["tid"] in names, f"a lane without a name: {span}")
    return names, spans


@case("watch")
def watch():
    """A live run and its replay: every format, the same bytes, and what each reader makes of it."""
    need_bpf()
    server = Target([build("./go_server"), "-rate", 250, "-leak"])
    with told(server, "-d", "6s", "--min-age", "2s") as (directory, report), tempfile.TemporaryDirectory() as again:
        replayed = replay(os.path.join(directory, "recording"), again)
        check(replayed.text == report.text, "the replayed JSON differs")
        for name in NAMES.values():
            one, other = (pathlib.Path(place, name).read_bytes() for place in (directory, again))
            check(one == other and one, f"{name}: {len(one)} bytes live, {len(other)} replayed, and they differ")
        check_pprof(directory, report)
        check_folded(directory, report)
        check_sarif(directory, report)
        check_junit(directory, report)
        names, spans = check_trace(directory, report)
        check(all(re.fullmatch(r"(goroutine \d+|made by nobody known)( \(\d+\))?", name) for name in names.values()),
              f"lanes: {list(names.values())[:5]}")
        lost = sum("lost" in span["args"] for span in spans)
        check(lost, "no life is marked as lost")


@case("speedscope")
def viewers():
    """speedscope shows the profile, the stacks and the timeline, with the report's numbers."""
    with watched() as (directory, report):
        shown = speedscope(*(os.path.join(directory, NAMES[name]) for name in ("pprof", "folded", "trace")))
        total = collections.Counter()
        for finding in report["findings"]:
            total[(stack(finding) or [("[unknown]",)])[0][0]] += finding["count"]
        for name in ("pprof", "folded"):
            view = shown[NAMES[name]]
            check(view["title"] == f"{NAMES[name]} - speedscope", f"title {view['title']}")
            rows = {row["frame"]: int(row["self"].split()[0].replace(",", "")) for row in view["rows"]}
            for function, count in total.items():
                check(rows.get(function) == count, f"{name}: {function}: {rows.get(function)}, the report has {count}")
        names, spans, _ = lives(directory)
        view = shown[NAMES["trace"]]
        for lane, name in names.items():
            check(len(names) == 1 or any(f"{name} (tid {lane})" in one for one in view["profiles"]),
                  f"lane {name} is not among {view['profiles'][:10]}")
        first = {span["name"] for span in spans}
        check(view["rows"] and all(row["frame"].split(" {")[0] in first for row in view["rows"]),
              f"other names than in the trace: {view['rows'][:5]}")


@case("census")
def census():
    """A census in each format: sites are unknown, and every reader says so."""
    need_memory()
    leaks = Leaks([build("./census_leaks")])
    with told(leaks, command="census") as (directory, report), tempfile.TemporaryDirectory() as again:
        check(replay(os.path.join(directory, "recording"), again).text == report.text, "the replayed JSON differs")
        for name in NAMES.values():
            check(pathlib.Path(directory, name).read_bytes() == pathlib.Path(again, name).read_bytes(), f"{name} differs")
        check_pprof(directory, report)
        check_folded(directory, report)
        run = check_sarif(directory, report)
        check(all(not result["locations"] for result in run["results"]), "a place that nobody saw")
        check_junit(directory, report)
        _, spans, left_out = lives(directory)
        check(len(spans) + left_out == report["contexts"]["live"],
              f"{len(spans)} lives, {left_out} left out, of {report['contexts']['live']} contexts")


def places(directory):
    """({rule: {(uri, line, base)}} of the results, the root's URI)."""
    run = json.loads(pathlib.Path(directory, NAMES["sarif"]).read_text(encoding="utf-8"))["runs"][0]
    found = collections.defaultdict(set)
    for result in run["results"]:
        for location in result["locations"]:
            artifact = location["physicalLocation"]["artifactLocation"]
            line = location["physicalLocation"].get("region", {}).get("startLine")
            found[result["ruleId"]].add((artifact["uri"], line, artifact.get("uriBaseId")))
    return found, run["originalUriBaseIds"]["%SRCROOT%"].get("uri")


@case("paths")
def paths():
    """Files are named from the repository's root, whether the program was built with -trimpath or not."""
    wanted = ("go_held/main.go", marked_line(SOURCES / "go_held" / "main.go", "accept")[1], "%SRCROOT%")
    with tempfile.TemporaryDirectory() as again:
        for flags, options in (((), ("--source-root", str(SOURCES))), (("-trimpath",), ("--strip-prefix", "targets"))):
            with watched(*options, flags=flags) as (directory, report):
                found, root = places(directory)
                check(wanted in found["lost-cancel"], f"{flags}: {dict(found)} instead of {wanted}")
                check(root == (None if flags else SOURCES.as_uri() + "/"), f"{flags}: the root is {root}")
                check(junit_cases(os.path.join(directory, NAMES["junit"]))["places"]["lost-cancel"] == wanted[0],
                      "JUnit names another file")
                replay(os.path.join(directory, "recording"), again)
                found, _ = places(again)
                check(report["findings"] and wanted not in found["lost-cancel"], f"without the option: {dict(found)}")


@case("fail_on")
def fail_on():
    """What fails in JUnit is what --fail-on names; without it what `run` fails for."""
    with tempfile.TemporaryDirectory() as directory:
        for options, status, failures in (((), 0, 1), (("--fail-on", "leak"), 1, 1), (("--fail-on", "none"), 0, 0),
                                          (("--fail-on", "todo-root"), 0, 0), (("--fail-on", "lost-cancel"), 1, 1)):
            replay(DEMO, directory, "--min-age", "2s", *options, status=status)
            read = junit_cases(os.path.join(directory, NAMES["junit"]))
            check(read["failures"] == failures, f"{options}: {read}")


@case("terminal")
def terminal():
    """A profile does not go to a terminal, and says so in one line; a pipe takes it."""
    line = [environment("CTXTRACE_BIN"), "replay", str(DEMO), "-f", "pprof"]
    main_end, end = pty.openpty()
    done = subprocess.run(line, stdout=end, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(end)
    os.close(main_end)
    check(done.returncode == 2 and done.stderr == "ctxtrace: cannot write pprof to a terminal: it is binary; "
          "-f pprof=FILE writes it to a file\n", f"{done.returncode}: {done.stderr!r}")
    done = subprocess.run(line, capture_output=True, timeout=60, check=False)
    check(done.returncode == 0 and gzip.decompress(done.stdout), f"{done.returncode}: {done.stderr!r}")


if __name__ == "__main__":
    main()
