# SPDX-License-Identifier: Apache-2.0
"""In continuous integration: real go test binaries, and baselines of what they leak."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf
from e2e_ci import FETCH, Room, ctxtrace, lines_of, marks, refused, server_test
from e2e_go import DEFAULT, SOURCES, VERSIONS, find_go, run_go
from e2e_process import Agent, c_target


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


@case("stripped_c")
def stripped_c():
    """Frames without a name are told by their place in the file, so that one leak is the same in every run."""
    need_bpf()
    reports = []
    with Room() as room:
        program = room.directory / "ctxdemo"
        subprocess.run(["strip", "-o", program, environment("CTXDEMO_BIN")], check=True)
        for _ in range(2):
            with Agent(run=[program, "lost-child", "--rounds", "60", "--hold", "3"], command="run") as agent:
                reports.append(agent.finish(1))
    for report in reports:
        frames = report["findings"][0]["site"]["frames"]
        check(re.fullmatch(r"ctxdemo\+0x[0-9a-f]+", frames[0]["function"]), f"unnamed: {frames}")
    first, second = [[f["fingerprint"] for f in report["findings"]] for report in reports]
    check(first == second and first, f"{first}, and then {second}")


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
        for _ in range(3):  # a stale word may look like the one cancel function that was lost
            known = room.baseline(server_test(), words=["-test.run", "TestOne"])
            written = lines_of(known)
            check([line.split()[:2] for line in written] in ([], [["lost-cancel", "warning"]]), f"written: {written}")
            if written:
                break
        check(written, "the one context was not found in three runs")
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


def go_line(program, *words, options=(), toolchain=DEFAULT, **more):
    """@return how often a run of this program says that tests are not watched, and with which form they are."""
    env = {**os.environ, "GOTOOLCHAIN": "go" + toolchain, "GOFLAGS": "-buildvcs=false", "GOWORK": "off", **more}
    env.setdefault("HOME", "/root")
    line = [environment("CTXTRACE_BIN"), "run", *options, "--", str(program), *words]
    done = subprocess.run(line, cwd=SOURCES, env=env, capture_output=True, text=True, timeout=600, check=False)
    check(done.returncode == 0, f"{line}: {done.returncode}: {done.stdout} {done.stderr}")
    said = [text for text in done.stderr.splitlines() if 'go test -exec "ctxtrace run --" ./...' in text]
    check(all("the go command, not the tests" in text for text in said), f"{said}")
    check("ctxtrace" not in done.stdout, f"in the command's output: {done.stdout}")
    return len(said)


@case("go_command")
def go_command():
    """`run -- go test` watches the go command: it says so, whatever that is called, and nobody else does."""
    need_bpf()
    run_go(["version"])  # fetches the toolchains that are switched to, or skips
    run_go(["version"], VERSIONS["1.27"])
    go = find_go()
    check(go_line(go, "test", "-vet=off", "-count=1", "./go_ci") == 1, "go test leaks, and its all-clear is for go")
    check(go_line(go, "version", toolchain=VERSIONS["1.27"]) == 1, "of one that switches to another release")
    check(go_line(go, "version", options=["-q"]) == 0, "-q is quiet")
    with Room() as room:
        root = subprocess.run([go, "env", "GOROOT"], env={**os.environ, "GOTOOLCHAIN": "go" + DEFAULT}, capture_output=True,
                              text=True, timeout=60, check=True).stdout.strip()
        renamed = room.path("golang")
        shutil.copy(os.path.join(root, "bin", "go"), renamed)
        check(go_line(renamed, "version", GOROOT=root) == 1, "renamed")
        check(go_line(server_test("fixed")) == 0, "a test binary is no go command")


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
        with c_target() as target, Agent("--record", recording, "--min-age", "1s", "--fail-on", "leak",
                                         "--write-baseline", known, pid=target.pid) as agent:
            target.tell("lose 40")
            agent.stop_when_found("lost-cancel", 1)
            target.end()
        check(re.match(r"lost-cancel leak [0-9a-f]{16} 1 lose \(c_target.c\)", lines_of(known)[0]), f"{lines_of(known)}")
        ctxtrace("replay", recording, "--fail-on", "leak", status=1)
        text = ctxtrace("replay", recording, "--fail-on", "any", "--baseline", known).stdout
        check(", known: 40 live" in text and "1 known, 0 new" in text, text)
        ctxtrace("replay", recording, "--fail-on", "any", "--write-baseline", room.path("again.txt"))
        check(room.path("again.txt").read_bytes() == known.read_bytes(), "live and replayed baselines differ")
        with c_target() as target, Agent("--min-age", "1s", "--fail-on", "leak", "--baseline", known,
                                         pid=target.pid) as agent:
            target.tell("lose 30")
            report = agent.stop_when_found("lost-cancel", 1)
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


if __name__ == "__main__":
    main()
