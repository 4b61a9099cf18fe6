# SPDX-License-Identifier: Apache-2.0
"""`./dev demo` as a newcomer types it: live, where nothing can be attached, and interrupted."""
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, main, need_bpf, note, wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
EXPECTED = TOP / "tests" / "golden" / "demo.expect.txt"
BUILD_SECONDS = 600


def demos():
    """Processes of the demo's program that this tree built, by pid."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "exe").startswith(str(TOP) + "/build/release/"):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def run(before, *arguments):
    line = [*before, str(TOP / "dev"), "demo", *arguments]
    note("+ " + " ".join(line))
    done = subprocess.run(line, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
                          stdin=subprocess.DEVNULL)
    note(f"status {done.returncode}, said {done.stderr.splitlines()}")
    return done


def expect_replay(done, words):
    said = [line for line in done.stderr.splitlines() if line.startswith("== no live demo here: ")]
    check(done.returncode == 0, f"status {done.returncode}")
    check(len(said) == 1, f"one line says why: {done.stderr}")
    check(all(word in said[0] for word in words), f"{words} should be named: {said[0]}")
    check(done.stdout == EXPECTED.read_text(encoding="utf-8"), f"not the recorded report: {done.stdout}")


def need(program):
    if not shutil.which(program):
        raise Skip(f"no {program} here")


@case("without_capabilities")
def without_capabilities():
    """Root without capabilities, as in a container: told in one line with the remedy, and the recording is shown."""
    need("setpriv")
    expect_replay(run(["setpriv", "--bounding-set=-all", "--inh-caps=-all"]), ["CAP_", "root"])


@case("kernel_refuses")
def kernel_refuses():
    """In a user namespace the capabilities are there and worth nothing: the attach itself fails."""
    need("unshare")
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        raise Skip("no user namespaces here")
    before = demos()
    done = run(["unshare", "-Ur"], "3")
    expect_replay(done, [])
    check("ctxtrace: " in done.stderr, f"the agent does not say why: {done.stderr}")
    check(demos() <= before, f"left running: {demos() - before}")


@case("live")
def live():
    need_bpf()
    before = demos()
    done = run([], "6")
    check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
    check(re.search(r"^LEAK lost-cancel, confirmed: .*\n  created +reserve_stock ", done.stdout, re.M), done.stdout)
    check(demos() <= before, f"left running: {demos() - before}")


@case("interrupted")
def interrupted():
    """Ctrl-C at a terminal: the report as usual, and nothing is left running."""
    need_bpf()
    before, output = demos(), b""
    pid, terminal = pty.fork()
    if not pid:
        os.execv(TOP / "dev", ["dev", "demo", "60"])

    def says(words):
        nonlocal output
        try:
            output += os.read(terminal, 65536)
        except OSError:  # the terminal's other end is closed
            output += b"\nclosed\n"
        return words in output or b"\nclosed\n" in output

    try:
        wait_for("the probes", lambda: says(b"ctxtrace: watching"), BUILD_SECONDS)
        os.write(terminal, b"\x03")
        wait_for("the end", lambda: says(b"\nclosed\n"), 60)
    finally:
        os.close(terminal)
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            wait_for("./dev demo to end", lambda: os.waitpid(pid, os.WNOHANG) != (0, 0), 10)
    note(output.decode(errors="replace"))
    check(b"unbound variable" not in output, "the script broke")
    check(b"watched" in output, "no report after Ctrl-C")
    wait_for("the demo to be gone", lambda: demos() <= before, 5)


if __name__ == "__main__":
    main()
