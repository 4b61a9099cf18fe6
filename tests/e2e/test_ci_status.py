# SPDX-License-Identifier: Apache-2.0
"""Each exit status that docs/ci.md promises, and the workflow of the documents."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, need_bpf, note
from e2e_ci import USAGE, Room, ctxtrace, reports, server_test
from e2e_go import DEFAULT, SOURCES, find_go

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = pathlib.Path(os.path.expanduser("~/.cache/ctxtrace/readers"))
EXAMPLE = ROOT / "docs" / "examples" / "github-actions.yml"


# What happened, as the table of docs/ci.md has it: how it is made to happen. Each is a function of a Room.
ROWS = {}


def row(what):
    def register(function):
        ROWS[what] = function
        return function
    return register


LOSSY = {"CTXTRACE_RING_BYTES": "4096"}


@row("wrong usage")
def _(room):
    ctxtrace("run", "--fail-on", "sorrow", "--", server_test(), status=USAGE)


@row("a file that cannot be read: baseline, suppressions, report, recording")
def _(room):
    for option in ("--baseline", "--suppress"):
        ctxtrace("run", option, room.path("absent"), "--", server_test(), status=USAGE)
    ctxtrace("replay", room.path("absent"), status=USAGE)
    ctxtrace("diff", room.path("absent"), room.path("absent"), status=USAGE)


@row("a file that cannot be written: report, recording, baseline")
def _(room):
    below = room.path("absent") / "file"
    for option in ("-o", "--record", "--write-baseline"):
        ctxtrace("run", option, below, "--", server_test(), status=USAGE)
    for option in ("-o", "--write-baseline"):  # told at the end only; a failure of CMD does not hide it
        ctxtrace("run", option, "/dev/full", "--", server_test(), env={"CTX_TEST": "fails"}, status=USAGE)


@row("cannot attach: no such process, no privilege, a program without contexts")
def _(room):
    ctxtrace("run", "--", "/bin/sleep", "60", status=3)


@row("`run`: CMD is not found")
def _(room):
    ctxtrace("run", "--", room.path("absent"), status=127)


@row("`run`: CMD cannot be executed")
def _(room):
    ctxtrace("run", "--", "/etc/passwd", status=126)


@row("`run`: CMD fails, whatever was found")
def _(room):
    ctxtrace("run", "--exit-code", "42", "--", server_test(), env={"CTX_TEST": "panics"}, status=2)
    ctxtrace("run", "--exit-code", "42", "--", environment("E2E_C_BIN"), commands="lose 30\nwait 2500\nexit 7\n", status=7)


@row("`run`: CMD is killed by signal S")
def _(room):
    ctxtrace("run", "--", environment("E2E_C_BIN"), commands="lose 30\nwait 1500\nraise 11\n", status=128 + 11)


@row("a confirmed finding that --fail-on names, without a baseline or new in it")
def _(room):
    ctxtrace("run", "--", server_test(), status=1)
    ctxtrace("run", "--exit-code", "42", "--", server_test(), status=42)
    ctxtrace("run", "--baseline", room.baseline(server_test("fixed")), "--", server_test(), status=1)


@row("the same beside lost events under --strict")
def _(room):
    ctxtrace("run", "--strict", "--", server_test(), "-test.run=TestGet", "-test.count=2000", env=LOSSY, status=1)


@row("one that the baseline knows, and has become worse")
def _(room):
    known = room.baseline(server_test(), words=["-test.run", "TestOne"])
    ctxtrace("run", "--baseline", known, "--", server_test(), status=1)


@row("`diff`: a confirmed finding that --fail-on names, new or grown in B")
def _(room):
    one, two, more = reports(room)
    ctxtrace("diff", one, two, "--fail-on", "leak", status=1)
    ctxtrace("diff", one, more, "--fail-on", "leak", status=1)


@row("events were lost, under --strict")
def _(room):
    lossy = "pairs 400000\nend\n"
    ctxtrace("run", "--strict", "--", environment("E2E_C_BIN"), commands=lossy, env=LOSSY, status=4)
    ctxtrace("run", "--strict", "--write-baseline", room.path("known.txt"), "--", environment("E2E_C_BIN"), commands=lossy,
             env=LOSSY, status=4)
    ctxtrace("run", "--", environment("E2E_C_BIN"), commands=lossy, env=LOSSY)


@row("`diff`: A or B is incomplete, under --strict")
def _(room):
    room.run(environment("E2E_C_BIN"), commands="pairs 400000\nend\n", env=LOSSY)
    ctxtrace("diff", room.path("report.json"), room.path("report.json"), "--strict", status=4)
    ctxtrace("diff", room.path("report.json"), room.path("report.json"))


@row("one that the baseline knows as it is")
def _(room):
    ctxtrace("run", "--baseline", room.baseline(server_test()), "--", server_test())


@row("one that is suppressed")
def _(room):
    rules = room.path("rules.txt")
    rules.write_text("lost-cancel *go_ci*\n", encoding="ascii")
    ctxtrace("run", "--suppress", rules, "--", server_test())


@row("one that --fail-on does not name")
def _(room):
    ctxtrace("run", "--fail-on", "leaked-timer", "--", server_test())
    ctxtrace("run", "--fail-on", "none", "--", server_test())


@row("one that is only suspected")
def _(room):
    report = room.run(environment("E2E_C_BIN"), "--fail-on", "any", commands="lose 30\npairs 400000\nwait 2500\nend\n", env=LOSSY)
    check([f["confidence"] for f in report["findings"]] == ["suspected"], f"found {report['findings']}")


@row("any, under --write-baseline")
def _(room):
    ctxtrace("run", "--write-baseline", room.path("known.txt"), "--", server_test())


@row("nothing of all this")
def _(room):
    ctxtrace("run", "--strict", "--fail-on", "any", "--", server_test("fixed"))


@case("statuses")
def statuses():
    """Each row of the documents' table of exit statuses, and no other."""
    need_bpf()
    table = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8").partition("## Exit status")[2].partition("\n## ")[0]
    told = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:]
    check(told == list(ROWS), f"the table of docs/ci.md and this one differ: {set(told) ^ set(ROWS)}")
    for what, function in ROWS.items():
        note(f"== {what}")
        with Room() as room:
            function(room)


@case("actions")
def actions():
    """The workflow of the documents: read by actionlint, and nothing in it is fetched by a name that can move."""
    text = EXAMPLE.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (\S+)(.*)", text)
    check(len(uses) >= 4, f"uses: {uses}")
    for action, comment in uses:
        check(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v\d+\.\d+\.\d+", comment),
              f"not pinned, or its version is not told: {action}{comment}")
    actionlint = READERS / "bin" / "actionlint"
    if not actionlint.exists():
        raise Skip("no actionlint here; ./dev deps fetches it")
    done = subprocess.run([actionlint, "-no-color", EXAMPLE], capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == 0 and done.stdout == "", f"actionlint: {done.stdout} {done.stderr}")


def scripts(*names):
    """{step: script} of the workflow's steps of these names."""
    python = READERS / "python" / "bin" / "python"
    if not python.exists():
        raise Skip("no PyYAML here; ./dev deps fetches it")
    code = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    done = subprocess.run([python, "-c", code, EXAMPLE], capture_output=True, text=True, timeout=60, check=True)
    steps = [step for job in json.loads(done.stdout)["jobs"].values() for step in job["steps"]]
    found = {step["name"]: step["run"] for step in steps if step.get("name") in names}
    check(set(found) == set(names), f"steps: {[step.get('name') for step in steps]}")
    return found


@case("actions_steps")
def actions_steps():
    """The workflow's own commands, run here on a module that leaks and on the fixed one."""
    need_bpf()
    steps = scripts("Build the tests", "Test under ctxtrace")
    formats = re.search(r"^reports:(.*)$", ctxtrace("--version").stdout, re.M).group(1).split()
    wanted = set(re.findall(r"-f (\w+)=", steps["Test under ctxtrace"]))
    if not wanted <= set(formats):
        raise Skip(f"this build has no {', '.join(sorted(wanted - set(formats)))} report")
    with Room() as room:
        tools, module = room.path("bin"), room.path("module")
        tools.mkdir()
        os.symlink(environment("CTXTRACE_BIN"), tools / "ctxtrace")
        os.symlink(find_go(), tools / "go")
        (tools / "sudo").write_text('#!/bin/sh\n[ "$1" = -E ] && shift\nexec "$@"\n', encoding="ascii")
        (tools / "sudo").chmod(0o755)
        shutil.copytree(SOURCES / "go_ci", module / "server")
        (module / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n", encoding="ascii")
        (module / "ctxtrace-baseline.txt").write_text("# ctxtrace-baseline/1\n", encoding="ascii")
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "go" + DEFAULT}
        for tags, status in (("", 1), ("-tags=fixed", 0)):
            env["GOFLAGS"] = f"-buildvcs=false {tags}".strip()
            for name, expected in (("Build the tests", 0), ("Test under ctxtrace", status)):
                done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", steps[name]], cwd=module, env=env,
                                      capture_output=True, text=True, timeout=300, check=False)
                check(done.returncode == expected, f"{name}: status {done.returncode}, not {expected}: {done.stderr[-3000:]}")
            for form in wanted:
                check(list(module.glob(f"ctxtrace.{form}*")) or list(module.glob(f"*{form}*")), f"no {form} report was written")


if __name__ == "__main__":
    main()
