# SPDX-License-Identifier: Apache-2.0
"""The programs that read our formats: go tool pprof, speedscope, sarif-multitool, junitparser. ./dev deps installs them."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from e2e import Failed, Skip, check, note
from e2e_go import find_go

HOME = pathlib.Path(os.path.expanduser("~/.cache/ctxtrace/readers"))
SPEEDSCOPE = pathlib.Path(__file__).resolve().parent.parent / "readers" / "speedscope.js"


def _run(line, **options):
    line = [str(word) for word in line]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=500, check=False, **options)
    if done.returncode:
        raise Failed(f"{line[0]} ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
    return done.stdout


def pprof(*arguments):
    """What `go tool pprof` prints."""
    env = dict(os.environ, PPROF_NO_BROWSER="1", PPROF_TMPDIR="/tmp", GOTOOLCHAIN="local", NO_COLOR="1")
    env.setdefault("HOME", "/root")
    return _run([find_go(), "tool", "pprof", *arguments], env=env)


def pprof_samples(profile):
    """[(values, labels, [(function, file, line, is inlined)] innermost first)] of a profile, as `-raw` has it."""
    text = pprof("-raw", profile)
    locations, number = {}, None
    for line in text[text.index("\nLocations\n"):text.index("\nMappings\n")].splitlines()[2:]:
        found = re.match(r"\s*(?:(\d+): 0x[0-9a-f]+ M=1 )?(\S.*) (\S*):(\d+):\d+ s=\d+$", line)
        check(found, f"no location: {line!r}")
        number = int(found.group(1)) if found.group(1) else number
        locations.setdefault(number, []).append((found.group(2), found.group(3), int(found.group(4))))
    samples = []
    for line in text[text.index("Samples:\n"):text.index("\nLocations\n")].splitlines()[2:]:
        found = re.match(r"\s*(\d+)\s+(\d+)\s+(\d+): ([\d ]+)$", line)
        if not found:
            samples[-1][1].update(re.findall(r"(\w+):\[(.*?)\]", line))
            continue
        frames = []
        for number in map(int, found.group(4).split()):
            last = len(locations[number]) - 1
            frames += [(*frame, place < last) for place, frame in enumerate(locations[number])]
        samples.append((tuple(int(found.group(i)) for i in (1, 2, 3)), {}, frames))
    return samples


def speedscope(*files):
    """{file name: {title, rows, profiles, errors}} as speedscope shows them, in a headless Chromium."""
    chromium, node, modules = shutil.which("chromium"), shutil.which("node"), HOME / "node" / "node_modules"
    if not chromium or not node or not (modules / "speedscope").exists() or not (modules / "playwright-core").exists():
        raise Skip("speedscope needs chromium, node and what tests/readers pins; ./dev deps installs them")
    shown = json.loads(_run([node, SPEEDSCOPE, modules, *files], env=dict(os.environ, CHROMIUM=chromium)))
    for one in shown:
        note(f"{one['title']}: {len(one['rows'])} rows, {len(one['profiles'])} profiles")
        check(not one["errors"], f"speedscope on {one['name']}: {one['errors']}")
    return {one["name"]: one for one in shown}


def sarif_problems(*files):
    """The lines with which sarif-multitool finds fault; it ends with 0 whatever it finds."""
    tool = HOME / "node/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if not os.access(tool, os.X_OK):
        raise Skip("sarif-multitool is not here; ./dev deps fetches it")
    said = _run([tool, "validate", *files], env=dict(os.environ, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="1"))
    check(f"{len(files)} files scanned" in said, f"it has not looked at {len(files)} files: {said[-2000:]}")
    for line in said.splitlines():
        if ": warning " in line or ": note " in line:
            note(line)
    return [line for line in said.splitlines() if ": error " in line]


def junit_cases(file):
    """{case name: [(Failure|Skipped, message)]} as junitparser reads it; checks the sums on the way."""
    python = HOME / "python/bin/python3"
    if not python.exists():
        raise Skip("junitparser is not here; ./dev deps fetches it")
    script = """
import json, sys, junitparser
root = junitparser.JUnitXml.fromfile(sys.argv[1])
suites = list(root)
cases = {case.name: [(type(one).__name__, one.message, one.text) for one in case.result] for case in suites[0]}
print(json.dumps({"cases": cases, "tests": suites[0].tests, "failures": suites[0].failures, "skipped": suites[0].skipped,
                  "places": {case.name: case._elem.get("file") for case in suites[0]}}))
"""
    return json.loads(_run([python, "-c", script, file]))
