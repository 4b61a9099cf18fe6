# SPDX-License-Identifier: Apache-2.0
"""`ctxtrace census`: contexts of known fates, found in memory to the object, without a probe."""
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Failed, Skip, case, check, environment, main, note
from e2e_census import FAILURES_MAX, Leaks, check_whole, need_memory, run
from e2e_go import DEFAULT, VERSIONS, build
from e2e_process import Target

STRIPPED = ("-trimpath", "-ldflags=-s -w")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")


def expect_truth(report, truth):
    findings = report["findings"]
    found = {(f["kind"], *sorted(f["retained_by"])): f["count"] for f in findings}
    wanted = {("lost-cancel", "parent"): truth["lost"] + truth["wrapped"],
              ("leaked-timer", "parent", "timer"): truth["lost_time"],
              ("lost-cancel", "goroutine"): truth["foreign"]}
    check(found == wanted, f"found {found}, truth {wanted}")
    check(all(f["confidence"] == "confirmed" and f["site"]["unknown"] for f in findings), f"not all proven: {findings}")
    # and the one foreign parent, which is no context of the library
    check(report["contexts"]["live"] == truth["live"] + 1, f"live {report['contexts']['live']} of {truth['live']}")
    check(report["contexts"]["created"] == 0 and report["quality"]["scans"] == 2, f"not a census: {report}")
    check(report["providers"] == [{"name": "memory", "attach_points": 0}], f"providers {report['providers']}")


def exact(version=DEFAULT, flags=()):
    need_memory()
    with Leaks([build("./census_leaks", version, flags)]) as target:
        report = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
        expect_truth(report, target.truth)


SHAPES = {
    "plain": (),
    "stripped": ("-ldflags=-s -w",),
    "pie": ("-buildmode=pie",),
    "pie_stripped": ("-buildmode=pie", "-ldflags=-s -w"),
    "external": ("-ldflags=-linkmode=external",),
}


def figures(target):
    """What one reading costs, from the tool that does nothing else. An incomplete one is made again, as by a census."""
    tool = pathlib.Path(environment("E2E_BUILD")) / "tests" / "unit" / "census_tool"
    for _ in range(FAILURES_MAX):
        done = subprocess.run([tool, "-n", "3", str(target.pid)], capture_output=True, text=True, timeout=60,
                              check=True)
        cost = json.loads(done.stdout)
        if cost["complete"]:
            return cost
        note(f"incomplete: {cost['reason']}")
    raise Failed(f"never read completely: {cost['reason']}")


def every_shape(version):
    """Contexts of known fates, to the object, however the program was linked; and below TODO what was made there."""
    need_memory()
    for shape, flags in SHAPES.items():
        with Leaks([build("./census_leaks", version, flags)]) as target:
            report = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            expect_truth(report, target.truth)
            cost = figures(target)
            below_todo = sum(group["count"] for group in cost["groups"] if group["parent"] == "todo")
            check(below_todo == target.truth["todo"], f"{below_todo} below TODO: {cost['groups']}")
            note(f"| {version} | {shape} | {cost['live']} | {cost['ms']} ms | {cost['read_bytes'] / 1e6:.1f} MB |")


for series, release in VERSIONS.items():
    case(f"go{series}")(functools.partial(every_shape, release))


@case("trimmed")
def trimmed():
    exact(DEFAULT, STRIPPED)


def renamed(version, new):
    """A copy of the target whose build information names another release of the same length."""
    content = pathlib.Path(build("./census_leaks", version)).read_bytes()
    at = content.index(b"go" + version.encode(), content.index(b"\xff Go buildinf:\x08\x02"))
    check(len(new) == len(version), f"{new} is longer or shorter than {version}")
    directory = tempfile.TemporaryDirectory()
    copy = pathlib.Path(directory.name) / "renamed"
    copy.write_bytes(content[:at + 2] + new.encode() + content[at + 2 + len(version):])
    copy.chmod(0o755)
    return directory, copy


@case("unknown_release")
def unknown_release():
    """One newer than the tables is judged when its memory proves the newest known layout; never under probes."""
    need_memory()
    for version in (DEFAULT, VERSIONS["1.27"]):
        directory, copy = renamed(version, "1.28.0")
        with directory, Leaks([copy]) as target:
            report = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            text = run("census", "-p", target.pid).stdout
            expect_truth(report, target.truth)
            check(report["target"]["layout"] == "verified by structure", f"target: {report['target']}")
            check("go1.28.0, unknown, layout verified" in text.splitlines()[0], text)
            check(max(map(len, text.splitlines())) <= 100, "a line is longer than 100 columns")
            done = run("-p", target.pid, "-d", "1s", status=3)
            check("go1.28.0" in done.stderr and "census" in done.stderr, done.stderr)


@case("unknown_release_refused")
def unknown_release_refused():
    """One whose memory is laid out differently, or shows nothing to verify with, is refused in one sentence."""
    need_memory()
    for version, new in ((VERSIONS["1.21"], "1.28.00"), (VERSIONS["1.23"], "1.28.00"), (VERSIONS["1.24"], "1.28.00"),
                         (VERSIONS["1.25"], "1.28.0")):
        directory, copy = renamed(version, new)
        with directory, Leaks([copy]) as target:
            done = run("census", "-p", target.pid, status=3)
        note(f"{version} as {new}: {done.stderr.strip()}")
        check(not done.stdout, done.stdout[:300])
        check(len(done.stderr.splitlines()) == 1 and "not known" in done.stderr, f"{version}: {done.stderr}")


@case("unprivileged")
def unprivileged():
    """The target's own user may, where the kernel's ptrace rules let it; anybody else is refused with a remedy."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        copies = [pathlib.Path(directory) / name for name in ("target", "ctxtrace")]
        for source, copy in zip((build("./census_leaks"), environment("CTXTRACE_BIN")), copies):
            copy.write_bytes(pathlib.Path(source).read_bytes())
            copy.chmod(0o755)
        scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
        if scope.exists() and scope.read_text().strip() != "0":
            raise Skip(f"{scope} forbids reading other processes of the same user")
        with Leaks([*NOBODY, copies[0]]) as target:
            done = subprocess.run([*NOBODY, copies[1], "census", "-p", str(target.pid), "-f", "json"],
                                  capture_output=True, text=True, timeout=60, check=False)
            check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
            expect_truth(json.loads(done.stdout), target.truth)
        with Leaks([copies[0]]) as target:
            done = subprocess.run([*NOBODY, copies[1], "census", "-p", str(target.pid)],
                                  capture_output=True, text=True, timeout=60, check=False)
            check(done.returncode == 3 and not done.stdout, f"status {done.returncode}: {done.stdout[:200]}")
            check(len(done.stderr.splitlines()) == 1 and "CAP_SYS_PTRACE" in done.stderr, f"said {done.stderr}")
            check("CAP_BPF" not in done.stderr, f"no probe, no need for it: {done.stderr}")


@case("report")
def report():
    """Text, exit rules and the recording are those of a watched window."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Leaks([build("./census_leaks")]) as target:
        kept, as_json = os.path.join(directory, "census.ctx"), pathlib.Path(directory) / "census.json"
        text = run("census", "-p", target.pid, "--record", kept, "--fail-on", "leak", "-f", "text",
                   "-f", f"json={as_json}", status=1).stdout
        quality = json.loads(as_json.read_text(encoding="utf-8"))["quality"]
        check(quality["scans"] == 2, f"not read twice: {quality}")
        readings = quality["scans"] + quality["failed_scans"]
        check(f"memory read {readings} times" in text and f"ctxtrace -p {target.pid}" in text, f"text: {text}")
        check(max(map(len, text.splitlines())) <= 100, "a line is longer than 100 columns")
        again = run("replay", kept).stdout
        check(again == text, f"the replay differs:\n{again}")


@case("correct_server")
def correct_server():
    """A busy correct program: contexts in the middle of being made or ended are never a proof."""
    need_memory()
    with Target([build("./go_server"), "-rate", 1000]) as target:
        for _ in range(15):
            seen = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            check_whole(seen)
            check(seen["findings"] == [], f"correct code was accused: {seen['findings']}")
            check(seen["contexts"]["live"] > 10, "the server's contexts are missing")
        truth = target.end()
    check(truth["errors"] == 0, f"the server failed {truth['errors']} times")


def starved(lost, percent, censuses):
    """3,000 busy goroutines: each waits its turn, many of them inside a creator or a cancel function."""
    need_memory()
    with Target([build("./go_waiting"), "-busy", 3000, "-lost", lost, "-gogc", percent]) as target:
        target.tell("go")
        time.sleep(3)  # until the collector has made them wait for it
        for _ in range(censuses):
            seen = json.loads(run("census", "-p", target.pid, "-f", "json").stdout)
            check_whole(seen)
            yield seen["findings"]


@case("starved")
def starved_correct():
    for findings in starved(0, 100, 5):
        check(findings == [], f"correct code was accused: {findings}")


@case("starved_leak")
def starved_leak():
    """A real leak in the same program. A reading during which collections end may say less, as all is in flux then."""
    seen = []
    for findings in starved(200, 4000, 60):
        seen.append([(f["kind"], f["count"]) for f in findings])
        check(all(kind == "lost-cancel" and count <= 200 for kind, count in seen[-1]), f"more than was lost: {seen}")
        if seen[-1] == [("lost-cancel", 200)]:
            return
    raise Failed(f"no census found all 200: {seen}")


@case("plugin")
def plugin():
    """The cancel functions of a plugin's code are unknown, so nothing is told, and why is said; under probes, too."""
    need_memory()
    try:
        host, loaded = build("./go_plugin/host"), build("./go_plugin/sessions", DEFAULT, ("-buildmode=plugin",))
    except Skip as reason:
        raise Skip(f"no plugin can be built here: {reason}") from None
    with Target([host, loaded]) as target:
        for arguments in (("census", "-p"), ("census", "--stop", "-p"), ("--min-age", "1s", "-d", "3s", "-p")):
            done = run(*arguments, target.pid)
            check("plugin" in done.stderr, f"{arguments}: it does not say why: {done.stderr}")
            check("LEAK" not in done.stdout and "never read completely" in done.stdout, f"{arguments}: {done.stdout}")
        target.end()


@case("refused")
def refused():
    done = run("census", status=2)
    check("census -p PID" in done.stderr and not done.stdout, done.stderr)
    done = run("census", "-p", os.getpid(), "--min-age", "3s", status=2)
    check("--min-age" in done.stderr and not done.stdout, done.stderr)


if __name__ == "__main__":
    main()
