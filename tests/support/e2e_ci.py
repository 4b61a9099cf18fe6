# SPDX-License-Identifier: Apache-2.0
"""What the cases about continuous integration have in common: test binaries under `run`, their baselines and reports."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from e2e import check, environment, note
from e2e_go import DEFAULT, build_test

FETCH = "targets/go_ci.(*Server).fetch"
USAGE = 2


def server_test(tags="", version=DEFAULT):
    return build_test("./go_ci", version, tags)


def ctxtrace(*arguments, status=0, env=None, commands="", cwd=None):
    """Run it to its end. @return what subprocess.run() returns."""
    line = [environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    done = subprocess.run(line, input=commands, capture_output=True, text=True, timeout=300, check=False, cwd=cwd,
                          env={**os.environ, **(env or {})})
    check(done.returncode == status,
          f"status {done.returncode}, not {status}: {done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return done


class Room:
    """A directory for the files of one case."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ctxtrace-ci-"))
        return self

    def __exit__(self, *reason):
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return self.directory / name

    def run(self, program, *options, words=(), **expected):
        """A test binary under `run`. @return its JSON report."""
        report = self.path("report.json")
        ctxtrace("run", "-f", f"json={report}", *options, "--", program, *words, **expected)
        return json.loads(report.read_text(encoding="utf-8"))

    def baseline(self, program, *options, words=(), name="known.txt"):
        """What --write-baseline makes of it. @return its path."""
        self.run(program, "--write-baseline", self.path(name), *options, words=words)
        return self.path(name)


def marks(report):
    """{function: mark} of the findings."""
    return {f["site"]["frames"][0]["function"]: f.get("baseline") for f in report["findings"]}


def lines_of(baseline):
    return [line for line in baseline.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def refused(*arguments, words=()):
    """One line, status 2, nothing on standard output."""
    done = ctxtrace(*arguments, status=USAGE)
    check(done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("ctxtrace: "), f"{done}")
    for word in words:
        check(str(word) in done.stderr, f"{word} should be named: {done.stderr}")


def reports(room):
    """Reports of the leaking program, of one with a second leak, and of one that leaks more."""
    paths = []
    for name, tags, words in (("one", "", []), ("two", "second", []), ("more", "", ["-test.count=3"])):
        room.run(server_test(tags), "--fail-on", "none", "--record", room.path(name + ".ctx"), words=words)
        paths.append(room.path("report.json").replace(room.path(name + ".json")))
    return paths
