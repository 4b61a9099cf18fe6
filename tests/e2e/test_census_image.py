# SPDX-License-Identifier: Apache-2.0
"""`ctxtrace census --record` keeps what was read, and `ctxtrace replay` judges it again: the same report, byte for byte."""
import collections
import gzip
import json
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, note
from e2e_census import check_whole
from e2e_go import DEFAULT, VERSIONS, build
from e2e_process import Target
from test_census import Leaks, expect_truth, need_memory

SCAN_BEGIN, OBSERVED, MEMORY, FACTS = 40, 41, 45, 46  # include/ctxtrace/event.h
SCAN_COMPLETE = 1
THEN = "cannot be judged again"


def run(*arguments, status=0):
    line = [environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    check(done.returncode == status, f"status {done.returncode}, not {status}: {done.stderr[-2000:]}")
    return done


def record(target, kept):
    return run("census", "-p", target.pid, "-f", "json", "--record", kept)


def replay(kept, words):
    """The report; standard error says with -v whether the memory was judged again."""
    done = run("replay", kept, "-f", "json", "-v")
    lines = [line for line in done.stderr.splitlines() if "recorded memory" in line]
    check(len(lines) == 1 and words in lines[0], f"said: {done.stderr}")
    return done.stdout


def again(report):
    """What is said when each reading was judged again, those that failed as well."""
    readings = report["quality"]["scans"] + report["quality"]["failed_scans"]
    return f"judged again from the recorded memory: {readings} of {readings} readings"


def events(kept):
    """The events of a recording as bytes (user/source/recording.h)."""
    content, at = gzip.open(kept).read(), 16
    while True:
        length, = struct.unpack_from("<I", content, at)
        if not length:
            return
        yield content[at + 4:at + 4 + length]
        at += 4 + length


def rewrite(kept, changed, change):
    """A copy whose events went through `change`; None leaves one out."""
    head = gzip.open(kept).read()[:16]
    parts = [part for part in map(change, events(kept)) if part is not None]
    with gzip.open(changed, "wb") as file:
        file.write(head + b"".join(struct.pack("<I", len(part)) + part for part in parts) + struct.pack("<I", 0))


def type_of(event):
    return event[14]


def scan_of(memory):
    return struct.unpack_from("<I", memory, 32)[0]


def complete_scans(kept):
    """The numbers of the readings that failed nowhere."""
    return [struct.unpack_from("<I", event, 24)[0] for event in events(kept)
            if type_of(event) == SCAN_BEGIN and event[15] & SCAN_COMPLETE]


def exact(version=DEFAULT, flags=()):
    """The target and its binary are gone when its recording is judged."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory:
        kept, binary = os.path.join(directory, "census.ctx"), os.path.join(directory, "target")
        shutil.copy(build("./census_leaks", version, flags), binary)
        with Leaks([binary]) as target:
            live = record(target, kept)
            truth = target.truth
        os.unlink(binary)
        report = json.loads(live.stdout)
        expect_truth(report, truth)
        for _ in range(2):
            check(replay(kept, again(report)) == live.stdout, "the replay differs")
        quiet = run("replay", kept, "-f", "json")
        check(quiet.stdout == live.stdout and not quiet.stderr, f"said without -v: {quiet.stderr}")

        # what was found then is not what is told: without a single OBSERVED memory says the same
        bare = os.path.join(directory, "bare.ctx")
        rewrite(kept, bare, lambda event: None if type_of(event) == OBSERVED else event)
        found, anew = report["findings"], json.loads(replay(bare, again(report)))["findings"]
        check([(f["kind"], f["count"], f["confidence"]) for f in anew] ==
              [(f["kind"], f["count"], f["confidence"]) for f in found], f"found {found}, again {anew}")


@case("go1.26")
def go1_26():
    exact()


@case("go1.20_stripped")
def go1_20_stripped():
    exact(VERSIONS["1.20"], ("-trimpath", "-ldflags=-s -w"))


@case("go1.23_pie")
def go1_23_pie():
    exact(VERSIONS["1.23"], ("-buildmode=pie",))


@case("private")
def private():
    """It holds memory of the target: nobody but its owner may read it, whatever file was there before."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Leaks([build("./census_leaks"), "10"]) as target:
        kept = os.path.join(directory, "census.ctx")
        old_mask = os.umask(0)
        try:
            for _ in range(2):
                record(target, kept)
                mode = stat.S_IMODE(os.stat(kept).st_mode)
                check(mode == 0o600, f"mode {mode:o}")
                os.chmod(kept, 0o644)
        finally:
            os.umask(old_mask)


@case("changing")
def changing():
    """Memory that changes while it is read: reads of one address differ, and a replay sees the same differences."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Target([build("./go_server"), "-rate", 1000]) as target:
        kept = os.path.join(directory, "census.ctx")
        for _ in range(5):
            live = record(target, kept)
            check(replay(kept, again(json.loads(live.stdout))) == live.stdout, "the replay differs")
        target.end()


@case("damaged")
def damaged():
    """A file that is cut or changed is one line; memory that is, is one line and the report of then."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Leaks([build("./census_leaks"), "10"]) as target:
        kept, changed = (os.path.join(directory, name) for name in ("census.ctx", "changed.ctx"))
        live = record(target, kept).stdout
        whole = pathlib.Path(kept).read_bytes()
        for cut in (0, 1, 15, len(whole) // 3, len(whole) - 9, len(whole) - 1):
            pathlib.Path(changed).write_bytes(whole[:cut])
            done = run("replay", changed, status=2)
            check(not done.stdout and len(done.stderr.splitlines()) == 1, f"cut at {cut}: {done.stderr}")
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0x10
        pathlib.Path(changed).write_bytes(flipped)
        done = run("replay", changed, status=2)
        check(not done.stdout and len(done.stderr.splitlines()) == 1 and "damaged" in done.stderr, done.stderr)

        first = [event for event in events(kept) if type_of(event) == MEMORY and scan_of(event) == 1]
        # what was read again is kept again, and answers for what is missing
        places = [event[16:32] for event in first]
        first = [event for event in first if places.count(event[16:32]) == 1]
        check(len(first) > 10, f"{len(first)} stretches of memory")
        for missing in (first[0], first[len(first) // 2]):
            rewrite(kept, changed, lambda event, missing=missing: None if event == missing else event)
            check(replay(changed, THEN) == live, "without a stretch of memory the report differs")
        rewrite(kept, changed, lambda event: None if type_of(event) == MEMORY else event)
        check(replay(changed, THEN) == live, "without memory the report differs")
        rewrite(kept, changed, lambda event: None if type_of(event) in (MEMORY, FACTS) else event)
        done = run("replay", changed, "-f", "json", "-v")
        check(done.stdout == live and "recorded memory" not in done.stderr, f"an older recording: {done.stderr}")


@case("small")
def small():
    """What two readings agree on is kept once: the second complete one adds little to what was kept until the first."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Leaks([build("./census_leaks"), "100"]) as target:
        kept = os.path.join(directory, "census.ctx")
        check_whole(json.loads(record(target, kept).stdout))
        sizes = collections.Counter()
        for event in events(kept):
            if type_of(event) == MEMORY:
                sizes[scan_of(event)] += len(event)
        first, second = complete_scans(kept)[:2]
        until_first = sum(sizes[scan] for scan in range(1, first + 1))
        check(0 < sizes[second] * 10 < until_first, f"bytes of each reading: {sizes}, complete: {first} and {second}")


if __name__ == "__main__":
    main()
