# SPDX-License-Identifier: Apache-2.0
"""In continuous integration: real go test binaries, baselines, exit statuses, `diff`, and the workflow of the documents."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, need_bpf, note
from e2e_go import DEFAULT, SOURCES, VERSIONS, build_test, find_go
from e2e_process import Agent, c_target

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = pathlib.Path(os.path.expanduser("~/.cache/ctxtrace/readers"))
EXAMPLE = ROOT / "docs" / "examples" / "github-actions.yml"
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


@case("leaking")
def leaking():
    """The command of the documents, on a test binary that leaks: status 1, and the finding is proven."""
    need_bpf()
    with Room() as room:
        for version in (VERSIONS["1.21"], DEFAULT):
            report = room.run(server_test(version=version), "--fail-on", "leak", status=1)
            found = [(f["kind"], f["severity"], f["confidence"], f["count"]) for f in report["findings"]]
            check(len(found) == 1 and found[0][:3] == ("lost-cancel", "leak", "confirmed"), f"found {found}")
            check(39 <= found[0][3] <= 41, f"41 were lost: {found}")
            check("baseline" not in report and marks(report) == {FETCH: None}, "nobody spoke of a baseline")
            ctxtrace("run", "--", server_test(version=version), status=1)  # leak is what `run` fails on by itself


@case("fixed")
def fixed():
    need_bpf()
    with Room() as room:
        report = room.run(server_test("fixed"), "--fail-on", "leak")
        check(report["findings"] == [] and report["undecided"] == [], f"found {report['findings']}")
        check(report["contexts"]["created"] > 41, f"{report['contexts']}")
        check("no leaks" in ctxtrace("run", "--fail-on", "any", "--", server_test("fixed")).stdout, "it says so")


@case("baseline")
def baseline():
    """Written, read: the same leak passes, told as known, in text and JSON."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        written = known.read_text(encoding="utf-8")
        check(written.startswith("# ctxtrace-baseline/1"), f"written: {written}")
        check(len(lines_of(known)) == 1 and lines_of(known)[0].startswith("lost-cancel leak ") and
              f" 1 {FETCH} (fetch_leaking.go) < targets/go_ci.(*Server).Get < " in lines_of(known)[0], f"written: {written}")
        report = room.run(server_test(), "--fail-on", "any", "--baseline", known)
        check(marks(report) == {FETCH: "known"}, f"marked: {marks(report)}")
        check(report["baseline"] == {"known": 1, "new": 0, "worse": 0, "unseen": []}, f"{report['baseline']}")
        check(known.read_text(encoding="utf-8") == written, "reading a baseline changes it")
        text = ctxtrace("run", "--baseline", known, "--", server_test()).stdout
        check("LEAK lost-cancel, confirmed, known: " in text and "\nbaseline  1 known, 0 new\n" in text, text)
        check("no leaks" not in text, "a known leak is a leak")


@case("rebuilt")
def rebuilt():
    """Another build, with other lines, by another compiler, and other tests first: the same lines in the file."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        for number, (program, words) in enumerate((
                (server_test(), ["-test.run", "TestGet"]), (server_test(), ["-test.run", "TestParallel", "-test.count=3"]),
                (server_test("edited"), []), (server_test(version=VERSIONS["1.21"]), []))):
            again = room.baseline(program, words=words, name=f"again{number}.txt")
            name = "fetch_edited.go" if program == server_test("edited") else "fetch_leaking.go"
            check(lines_of(again) == [lines_of(known)[0].replace("fetch_leaking.go", name)],
                  f"{program} {words}: {lines_of(again)}, was {lines_of(known)}")
            room.run(program, "--baseline", known, words=words)


@case("second")
def second():
    """A new leak beside a known one fails, and the report tells which is which."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        report = room.run(server_test("second"), "--baseline", known, status=1)
        check(marks(report) == {FETCH: "known", "targets/go_ci.(*Server).log": "new"}, f"marked: {marks(report)}")
        check(report["baseline"] == {"known": 1, "new": 1, "worse": 0, "unseen": []}, f"{report['baseline']}")
        room.run(server_test("second"), "--baseline", known, "--exit-code", "42", status=42)
        room.run(server_test("second"), "--baseline", known, "--fail-on", "lost-cancel")  # the new one is a leaked-timer
        room.run(server_test("second"), "--baseline", known, "--fail-on", "leaked-timer", status=1)


@case("twice")
def twice():
    """One more leak in the function that has a known one, with the same fingerprint: worse."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        report = room.run(server_test("twice"), "--baseline", known, status=1)
        check([f["baseline"] for f in report["findings"]] == ["worse", "worse"], f"marked: {report['findings']}")
        room.run(server_test("twice"), "--baseline", room.baseline(server_test("twice"), name="two.txt"))
        room.run(server_test(), "--baseline", room.path("two.txt"))  # less than is known is known


@case("worse")
def worse():
    """A warning (one context of its site) that has become a leak is new."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test(), words=["-test.run", "TestOne"])
        check(lines_of(known)[0].startswith("lost-cancel warning "), f"written: {lines_of(known)}")
        room.run(server_test(), "--baseline", known, "--fail-on", "any", words=["-test.run", "TestOne"])
        report = room.run(server_test(), "--baseline", known, words=["-test.run", "TestOne", "-test.count=5"], status=1)
        check(marks(report) == {FETCH: "worse"} and report["baseline"]["worse"] == 1, f"marked: {marks(report)}")


@case("collected")
def collected():
    """What is fixed is told, so that its line can go; it is no error."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        report = room.run(server_test("fixed"), "--baseline", known)
        unseen = report["baseline"]["unseen"]
        check([(u["kind"], u["severity"]) for u in unseen] == [("lost-cancel", "leak")], f"unseen: {unseen}")
        check(unseen[0]["site"].startswith(FETCH) and unseen[0]["fingerprint"] in lines_of(known)[0], f"unseen: {unseen}")
        text = ctxtrace("run", "--baseline", known, "--", server_test("fixed")).stdout
        check("0 known, 0 new; 1 of its lines was not seen" in text and "leak lost-cancel  targets/go_ci" in text, text)
        check("no leaks" in text, text)
        check(lines_of(room.baseline(server_test("fixed"), name="empty.txt")) == [], "nothing is known of a fixed program")
        room.run(server_test("fixed"), "--baseline", room.path("empty.txt"))


@case("shared_baseline")
def shared_baseline():
    """Both options: what is known stays, what is found is added; one file for several test binaries."""
    need_bpf()
    with Room() as room:
        known = room.baseline(server_test())
        room.run(server_test("second"), "--baseline", known, "--write-baseline", known)
        check([line.split()[0] for line in lines_of(known)] == ["leaked-timer", "lost-cancel"], f"{lines_of(known)}")
        both = known.read_bytes()
        room.run(server_test("fixed"), "--baseline", known, "--write-baseline", known)
        check(known.read_bytes() == both, "what was not seen here is kept for the others")
        for tags in ("", "fixed", "second"):
            room.run(server_test(tags), "--baseline", known, "--fail-on", "any")
        room.run(server_test(), "--write-baseline", known)
        check(len(lines_of(known)) == 1, "alone it writes what is found now")


@case("flags")
def flags():
    """Flags of the test binary are its own; what its tests do is what is judged."""
    need_bpf()
    with Room() as room:
        report = room.run(server_test(), words=["-test.run", "TestBroken"])
        check(report["findings"] == [], "nothing was fetched")
        for words, lost in ((["-test.run=TestGet", "-test.count=3"], 60), (["-test.run", "TestParallel", "-test.parallel=4"], 20),
                            (["-test.v", "-test.count", "1", "-test.cpu=1,2", "-test.run=TestGet"], 40)):
            report = room.run(server_test(), words=words, status=1)
            check(lost - 2 <= report["findings"][0]["count"] <= lost, f"{words}: {report['findings'][0]['count']} of {lost}")
        report = room.run(server_test("fixed"), words=["-test.count=20", "-test.parallel=8"])
        check(report["findings"] == [], f"found {report['findings']}")


@case("own_failure")
def own_failure():
    """A test that fails or panics, or flags the binary does not know: its own status, leak or not, baseline or not."""
    need_bpf()
    with Room() as room:
        for how, own in (("fails", 1), ("panics", 2)):
            for tags in ("", "fixed"):
                direct = subprocess.run([server_test(tags)], env={**os.environ, "CTX_TEST": how}, capture_output=True, check=False)
                check(direct.returncode == own, f"the test binary itself: {direct.returncode}")
                report = room.run(server_test(tags), "--exit-code", "42", env={"CTX_TEST": how}, status=own)
                check(len(report["findings"]) == (not tags), "the report is there all the same")
        room.run(server_test(), "--exit-code", "42", status=42)
        room.run(server_test(), "--exit-code", "42", words=["-test.nonsense"], status=2)
        known = room.path("known.txt")
        room.run(server_test(), "--write-baseline", known, env={"CTX_TEST": "fails"}, status=1)
        check(len(lines_of(known)) == 1, "written all the same")
        room.run(server_test(), "--baseline", known, env={"CTX_TEST": "fails"}, status=1)


def without_times(text):
    return re.sub(r"\(\d+\.\d+s\)", "(T)", text)


@case("output_untouched")
def output_untouched():
    need_bpf()
    with Room() as room:
        for words, env, status in ((["-test.v"], {}, 1), ([], {}, 1), (["-test.v"], {"CTX_TEST": "fails"}, 1)):
            direct = subprocess.run([server_test(), *words], env={**os.environ, **env}, capture_output=True, text=True, check=False)
            traced = ctxtrace("run", "-q", "-o", room.path("report"), "--", server_test(), *words, env=env, status=status)
            parallel = sorted if words else list  # subtests end in any order
            for name in ("stdout", "stderr"):
                one, other = (parallel(without_times(getattr(done, name)).splitlines()) for done in (direct, traced))
                check(one == other, f"{name} of {words} {env}: {other}, untraced {one}")
            check("LEAK lost-cancel" in room.path("report").read_text(encoding="utf-8"), "the report is in its file")


@case("go_test_exec")
def go_test_exec():
    """`go test -exec`: each package's binary, in its own directory, by the go command itself."""
    need_bpf()
    with Room() as room:
        env = {**os.environ, "GOTOOLCHAIN": "go" + DEFAULT, "GOFLAGS": "-buildvcs=false -mod=readonly", "GOWORK": "off"}
        env.setdefault("HOME", "/root")
        program = f"{environment('CTXTRACE_BIN')} run -o {room.path('report')} --"
        for tags, status in (("", 1), ("fixed", 0)):
            done = subprocess.run([find_go(), "test", "-vet=off", "-count=1", "-tags", tags, "-exec", program, "./go_ci"],
                                  cwd=SOURCES, env=env, capture_output=True, text=True, timeout=600, check=False)
            check(done.returncode == status, f"go test -exec: {done.returncode}, not {status}: {done.stdout} {done.stderr}")
            word = "ok " if not status else "FAIL"
            check(re.search(rf"^{word}\s+targets/go_ci", done.stdout, re.M), f"go test says: {done.stdout}")
            text = room.path("report").read_text(encoding="utf-8")
            check(("LEAK lost-cancel" in text) == bool(status), text)


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


@row("any, under --write-baseline")
def _(room):
    ctxtrace("run", "--write-baseline", room.path("known.txt"), "--", server_test())


@row("events were lost, under --strict")
def _(room):
    lossy = "pairs 400000\nend\n"
    ctxtrace("run", "--strict", "--", environment("E2E_C_BIN"), commands=lossy, env=LOSSY, status=4)
    ctxtrace("run", "--", environment("E2E_C_BIN"), commands=lossy, env=LOSSY)


@row("`diff`: A or B is incomplete, under --strict")
def _(room):
    room.run(environment("E2E_C_BIN"), commands="pairs 400000\nend\n", env=LOSSY)
    ctxtrace("diff", room.path("report.json"), room.path("report.json"), "--strict", status=4)
    ctxtrace("diff", room.path("report.json"), room.path("report.json"))


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


def refused(*arguments, words=()):
    """One line, status 2, nothing on standard output."""
    done = ctxtrace(*arguments, status=USAGE)
    check(done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("ctxtrace: "), f"{done}")
    for word in words:
        check(str(word) in done.stderr, f"{word} should be named: {done.stderr}")


@case("files")
def files():
    """Missing, garbled, unwritable baselines: before anything is started, and nothing is left behind."""
    with Room() as room:
        bad, started = room.path("bad.txt"), room.path("started")
        program = ("--", "/bin/sh", "-c", f"touch {started}")
        refused("run", "--baseline", bad, *program, words=[bad, "--write-baseline"])
        refused("run", "--baseline", room.directory, *program, words=[room.directory])
        head = "# ctxtrace-baseline/1\n"
        good = "lost-cancel leak 0123456789abcdef 1 main.f (f.go)\n"
        for content in ("", "\n", good, "# ctxtrace-baseline/2\n" + good, "{}", "lost-cancel main.*\n", "\x00" * 5000):
            bad.write_text(content, encoding="latin-1")
            refused("run", "--baseline", bad, *program, words=[bad])
        for line in ("lost-cancel", "lost-cancel leak", "sorrow leak 0123456789abcdef 1 f", "lost-cancel bad 0123456789abcdef 1 f",
                     "lost-cancel leak 0123456789abcde 1 f", "lost-cancel leak 0123456789ABCDEF 1 f",
                     "lost-cancel leak 0123456789abcdef x f", "lost-cancel leak 0123456789abcdef -1 f",
                     "lost-cancel leak 0123456789abcdef 1", "lost-cancel leak 0123456789abcdef 1 " + 5000 * "f", "\x1b[2J"):
            bad.write_text(head + good + line + "\n", encoding="ascii")
            refused("run", "--baseline", bad, *program, words=[bad, "line 3"])
        refused("run", "--write-baseline", room.path("absent") / "file", *program)
        refused("run", "--write-baseline", room.directory, *program)
        refused("run", "--write-baseline", bad, "-o", bad, *program, words=[bad])
        refused("run", "--write-baseline", bad, "--record", bad, *program, words=[bad])
        check(not started.exists(), "the command was started")
        fresh = room.path("fresh.txt")
        ctxtrace("run", "--write-baseline", fresh, "--", "/bin/sleep", "60", status=3)
        check(not fresh.exists(), "a run that could not attach left an empty baseline")
        bad.write_text(head + good, encoding="ascii")
        ctxtrace("run", "--write-baseline", bad, "--", "/bin/sleep", "60", status=3)
        check(bad.read_text(encoding="ascii") == head + good, "a run that could not attach emptied an older baseline")


@case("watch_and_replay")
def watch_and_replay():
    """-p and `replay` have the same options, and say the same."""
    need_bpf()
    with Room() as room:
        recording, known = room.path("leak.ctx"), room.path("known.txt")
        with c_target() as target, Agent("--record", recording, "--min-age", "1s", "-d", "3s", "--fail-on", "leak",
                                         "--write-baseline", known, pid=target.pid) as agent:
            target.tell("lose 40")
            agent.finish()
            target.end()
        check(re.match(r"lost-cancel leak [0-9a-f]{16} 1 lose \(c_target.c\)", lines_of(known)[0]), f"{lines_of(known)}")
        ctxtrace("replay", recording, "--fail-on", "leak", status=1)
        text = ctxtrace("replay", recording, "--fail-on", "any", "--baseline", known).stdout
        check(", known: 40 live" in text and "1 known, 0 new" in text, text)
        ctxtrace("replay", recording, "--fail-on", "any", "--write-baseline", room.path("again.txt"))
        check(room.path("again.txt").read_bytes() == known.read_bytes(), "live and replayed baselines differ")
        with c_target() as target, Agent("--min-age", "1s", "-d", "3s", "--fail-on", "leak", "--baseline", known,
                                         pid=target.pid) as agent:
            target.tell("lose 30")
            report = agent.finish()
            target.end()
        check(marks(report) == {"lose": "known"}, f"marked: {marks(report)}")
        check(any("lost-cancel" in line and line.endswith(", known") for line in agent.errors.all), f"{agent.errors.all}")


@case("census")
def census():
    """A census knows no sites: a kind of finding of a kind of context is known or not."""
    need_bpf()
    with Room() as room, c_target() as target:
        target.tell("lose 40")
        known = room.path("known.txt")
        ctxtrace("census", "-p", target.pid, "--fail-on", "any", status=1)
        ctxtrace("census", "-p", target.pid, "--fail-on", "any", "--write-baseline", known)
        check([line.split(" ", 4)[4] for line in lines_of(known)] == ["a place nobody saw (cancel)"], f"{lines_of(known)}")
        text = ctxtrace("census", "-p", target.pid, "--fail-on", "any", "--baseline", known).stdout
        check("confirmed, known: " in text and "\nbaseline  1 known, 0 new\n" in text, text)
        target.end()


def reports(room):
    """Reports of the leaking program, of one with a second leak, and of one that leaks more."""
    paths = []
    for name, tags, words in (("one", "", []), ("two", "second", []), ("more", "", ["-test.count=3"])):
        room.run(server_test(tags), "--fail-on", "none", "--record", room.path(name + ".ctx"), words=words)
        paths.append(room.path("report.json").replace(room.path(name + ".json")))
    return paths


def compare(a, b, *options, status=0):
    """@return (counts, {function: (change, count in A, count in B)}, the whole)."""
    told = json.loads(ctxtrace("diff", a, b, "-f", "json", *options, status=status).stdout)
    check(told["schema"] == "ctxtrace-diff/1", f"{told}")
    rows = {f["frames"][0]["function"].rpartition(".")[2]: (f["change"], (f["a"] or {}).get("count"), (f["b"] or {}).get("count"))
            for f in told["findings"]}
    return tuple(told["counts"][name] for name in ("new", "grown", "gone", "unchanged")), rows, told


def near(count, lost):
    return count is not None and lost - 2 <= count <= lost


@case("diff")
def diff():
    """New, grown, gone, unchanged, of whole test runs: by count."""
    need_bpf()
    with Room() as room:
        one, two, more = reports(room)
        counts, rows, told = compare(one, one)
        check(counts == (0, 0, 0, 1) and rows["fetch"][0] == "unchanged" and told["notes"] == [], f"{told}")
        counts, rows, told = compare(one, two)
        check(counts[0] == 1 and rows["log"][:2] == ("new", None) and near(rows["log"][2], 41), f"{told}")
        check(told["compared_by"] == "count" and all(f["b"]["rate_per_min"] > 0 for f in told["findings"]), f"{told}")
        counts, rows, told = compare(two, one)
        check(counts[2] == 1 and rows["log"][0] == "gone" and rows["log"][2] is None, f"{told}")
        counts, rows, told = compare(one, more)
        check(counts == (0, 1, 0, 0) and rows["fetch"][0] == "grown" and near(rows["fetch"][2], 123), f"{told}")
        text = ctxtrace("diff", one, more).stdout
        check(re.search(r"^GROWN LEAK lost-cancel, confirmed: 12\d \([\d,.]+/min\), was \d+ \([\d,.]+/min\)$", text, re.M), text)
        check("0 new, 1 grown, 0 gone, 0 unchanged; compared by count" in text, text)
        room.run(server_test("fixed"))
        text = ctxtrace("diff", one, room.path("report.json"), "--fail-on", "any").stdout
        check("0 new, 0 grown, 1 gone, 0 unchanged" in text and "GONE LEAK lost-cancel" in text, text)
        check("two programs: A is of go_ci-" in text, f"the cache's names differ: {text}")


@case("diff_mixed")
def diff_mixed():
    """Reports and recordings in any mixture say the same; what differs in the programs is told in words."""
    need_bpf()
    with Room() as room:
        one, two, _ = reports(room)
        said = set()
        for a in (one, room.path("one.ctx")):
            for b in (two, room.path("two.ctx")):
                _, rows, told = compare(a, b)
                said.add(json.dumps([told["findings"], told["notes"], told["counts"]]))
        check(len(said) == 1, f"they differ: {said}")
        out = room.path("out.json")
        ctxtrace("diff", one, two, "-f", f"json={out}", "-f", "text")
        check(json.loads(out.read_text(encoding="utf-8"))["counts"]["new"] == 1, "two formats at once")
        for same, note_word in (({"build_id": "aa"}, "two builds of "), ({"exe": "/srv/other"}, "two programs: "),
                                ({"runtime_version": "go1.99"}, "B with go1.99")):
            changed = json.loads(one.read_text(encoding="utf-8"))
            changed["target"].update(same)
            out.write_text(json.dumps(changed), encoding="utf-8")
            notes = compare(one, out)[2]["notes"]
            check(len(notes) == 1 and note_word in notes[0], f"{same}: {notes}")


@case("diff_hostile")
def diff_hostile():
    """Neither report nor recording, or one at odds with itself: one line, status 2. What is shown cannot harm a terminal."""
    with Room() as room:
        bad = room.path("bad.json")
        finding = {"kind": "lost-cancel", "severity": "leak", "confidence": "confirmed", "count": 3, "fingerprint": "0" * 16,
                   "site": {"frames": [{"function": "f\x1b[2J", "file": "x\n.go", "line": 1}]}}
        good = {"schema": "ctxtrace-report/1", "target": {"exe": "/bin/\x07x", "runtime_version": None, "build_id": None},
                "window": {"duration_s": 1.5, "end": None}, "quality": {"verdict": "complete"}, "findings": [finding],
                "undecided": []}
        bad.write_text(json.dumps(good), encoding="utf-8")
        text = ctxtrace("diff", bad, bad).stdout
        check("f\\x1b[2J" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text))
        said = json.loads(ctxtrace("diff", bad, bad, "-f", "json").stdout)
        check(said["findings"][0]["frames"][0]["function"] == "f\x1b[2J", f"{said}")

        def rejects(content, *words):
            bad.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
            refused("diff", bad, bad, words=[bad, *words])

        for content in (b"", b"{", b"[]", b"null", b"\x1f", b"\x1f\x8b\x08\x00", b"lost", b"{\"schema\": 1}", b"[" * 100000,
                        b'{"schema":"ctxtrace-report/1","schema":"ctxtrace-report/1"}', b"\xff\xfe"):
            rejects(content)
        rejects({**good, "schema": "ctxtrace-report/2"}, "ctxtrace-report/2")
        for name in good:
            rejects({key: value for key, value in good.items() if key != name}, name)
        for name, value in (("kind", "sorrow"), ("severity", "bad"), ("confidence", 1), ("count", -1), ("count", 1.5),
                            ("count", "3"), ("fingerprint", "0x0"), ("site", None), ("site", {"frames": [1]})):
            rejects({**good, "findings": [finding, {**finding, name: value}]}, "findings[1]")
        for duration in (-1, "1", 1e300, []):
            rejects({**good, "window": {"duration_s": duration, "end": None}}, "duration_s")
        refused("diff", bad, words=["which two"])
        refused("diff", bad, bad, bad)
        refused("diff", bad, bad, "-f", "yaml")
        refused("diff", bad, bad, "--baseline", bad, words=["--baseline"])


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
