# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong: one clear line on standard error, the documented exit status, nothing on standard output."""
import contextlib
import gzip
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, has_capability, main, need_bpf, note, wait_for
from e2e_go import build
from e2e_process import Agent, Target, demo

USAGE, ATTACH = 2, 3
CAP_SETUID = 7
WRONG = []


def refusals(name):
    """A case made of refused(): all are run, then all failures are told."""
    def register(function):
        def run():
            function()
            check(not WRONG, f"{len(WRONG)} refusals are not as promised:\n" + "\n".join(WRONG))
        return case(name)(run)
    return register


def _faults(done, errors, status, words):
    if done.returncode != status:
        yield f"status should be {status}"
    if done.stdout != "":
        yield f"standard output should be empty, has {done.stdout[:100]!r}"
    if len(errors) != 1 or not errors[0].startswith("ctxtrace: "):
        yield "one line is wanted"
    for word in words:
        if word.lower() not in done.stderr.lower():
            yield f"{word!r} should be named"


def refused(arguments, status, *words, command=None, never=(), **options):
    """Run ctxtrace; these words must stand in its one line, and none of `never`."""
    line = [str(word) for word in (command or [environment("CTXTRACE_BIN")])] + [str(word) for word in arguments]
    done = subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **options)
    errors = done.stderr.splitlines()
    said = f"{' '.join(line[1:])}: status {done.returncode}, stderr {errors}"
    note(said)
    faults = list(_faults(done, errors, status, words))
    faults += [f"{word!r} should not be named" for word in never if word in done.stderr]
    if faults:
        WRONG.append(f"{'; '.join(faults)}: {said}")


@refusals("usage")
def usage():
    pid = os.getppid()
    for arguments, word in (
            (["--frobnicate"], "--frobnicate"), (["-Z"], "-Z"), (["-p", pid, "-d", "soon"], "soon"),
            (["-p", pid, "-d", "-5s"], "-5s"), (["-p", pid, "-d", "99999999999999h"], "duration"),
            (["-p", pid, "-d", "0"], "duration"), (["-p", pid, "-p", pid], "-p"), (["-p"], "-p"),
            (["-p", "abc"], "abc"), (["-p", "0"], "0"), (["-p", "-3"], "-3"), (["-p", "99999999999"], "99999999999"),
            (["-p", pid, "-f", "yaml"], "yaml"), (["-p", pid, "--fail-on", "sorrow"], "sorrow"),
            (["-p", pid, "surplus"], "surplus"), (["-p", pid, "--max-contexts", "0"], "max-contexts"),
            (["replay"], "replay"), (["run"], "run"), (["replay", "-p", pid, "x"], "pid"), (["-d", "3s"], "-p"),
            (["-p", pid, "--tree=deep"], "--tree"), (["-p", pid, "--exit-code", "3"], "exit-code"),
            (["run", "--exit-code", "256", "--", "true"], "256"), (["check", "-d", "3s"], "duration"),
            (["frobnicate"], "frobnicate"), (["-p", pid, "--min-age", "1y"], "1y"), (["-p", pid, "--record"], "--record"),
            (["-p", pid, "-f", "json="], "json="), (["-p", pid, "-f", "text", "-f", "json"], "standard output"),
            (["-p", pid, "-f", "text=same", "-f", "json=same"], "same"), (["-p", pid, "-o", "a", "-f", "json=b"], "-o a"),
            (["-p", pid, "-o", ""], "--output"), (["replay", ""], "replay"), (["diff", "", "x"], "diff"),
            (["-p", pid, "--fail-on", "sorrow"], "lost-cancel"), (["-p", pid, "-o", "same", "--record", "same"], "same")):
        refused(arguments, USAGE, word, "--help")
    for ring in ("4097", "12", "soon", "12288"):
        refused(["-p", pid], USAGE, ring, "CTXTRACE_RING_BYTES", env={**os.environ, "CTXTRACE_RING_BYTES": ring})


@refusals("files")
def files():
    pid = os.getppid()
    with tempfile.TemporaryDirectory() as directory:
        absent = os.path.join(directory, "absent")
        below = os.path.join(absent, "file")
        refused(["replay", absent], USAGE, absent)
        refused(["replay", directory], USAGE, directory)
        refused(["replay", "/dev/null"], USAGE, "/dev/null")
        unknown = os.path.join(directory, "unknown")
        pathlib.Path(unknown).write_text("# known\nlost-cancel main.*\nsorrow main.*\n", encoding="ascii")
        surplus = os.path.join(directory, "surplus")
        pathlib.Path(surplus).write_text("lost-cancel main.run main.*\n", encoding="ascii")
        with demo("held") as target:
            refused(["-p", target.pid, "-d", "1s", "--suppress", absent], USAGE, absent)
            refused(["-p", target.pid, "-d", "1s", "--suppress", unknown], USAGE, unknown, "line 3", "lost-cancel")
            refused(["-p", target.pid, "-d", "1s", "--suppress", surplus], USAGE, surplus, "line 1")
            refused(["-p", target.pid, "-d", "1s", "--suppress", directory], USAGE, directory)
            refused(["-p", target.pid, "-d", "1s", "-o", below], USAGE, below)
            refused(["-p", target.pid, "-d", "1s", "-f", f"json={below}"], USAGE, below)
            refused(["-p", target.pid, "-d", "1s", "--record", below], USAGE, below)
            refused(["-p", target.pid, "-d", "1s", "-o", directory], USAGE, directory)
        old, new = (pathlib.Path(directory) / name for name in ("old.ctx", "new.ctx"))
        old.write_text("of yesterday", encoding="ascii")
        ended = subprocess.Popen(["/bin/true"])
        ended.wait()
        for path in (old, new):
            refused(["-p", ended.pid, "--record", path], ATTACH, str(ended.pid))
        check(old.read_text(encoding="ascii") == "of yesterday", "a refused run emptied an older recording")
        check(not new.exists(), "a refused run left an empty recording")


@case("full_device")
def full_device():
    """The report cannot be written at the end: status 2, and the reason."""
    need_bpf()
    with demo("held") as target:
        done = subprocess.run([environment("CTXTRACE_BIN"), "-p", str(target.pid), "-d", "1s", "-o", "/dev/full"],
                              capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == USAGE, f"status {done.returncode}: {done.stderr}")
    check("/dev/full" in done.stderr or "space" in done.stderr.lower(), f"the reason is missing: {done.stderr}")
    check(done.stdout == "", "standard output should be empty")


@case("closed_files")
def closed_files():
    """Standard files that are closed: no other file takes their numbers, a report that cannot be told is status 2."""
    need_bpf()
    with demo("held") as target, tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "all.ctx"
        for closing, status in (("<&-", 0), (">&-", USAGE), ("2>&-", 0), ("<&- >&- 2>&-", USAGE)):
            line = f'exec "$0" -p "$1" -d 1s --record "$2" {closing}'
            done = subprocess.run(["bash", "-c", line, environment("CTXTRACE_BIN"), str(target.pid), str(path)],
                                  capture_output=True, text=True, timeout=60, check=False)
            check(done.returncode == status, f"{closing}: status {done.returncode}: {done.stderr}")
            check(path.read_bytes()[:2] == b"\x1f\x8b", f"{closing}: something else was written into the recording")


@refusals("no_process")
def no_process():
    need_bpf()
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    refused(["-p", ended.pid], ATTACH, str(ended.pid))
    refused(["check", "-p", ended.pid], ATTACH, str(ended.pid))
    zombie = subprocess.Popen(["/bin/true"])
    wait_for("a zombie", lambda: ") Z " in pathlib.Path(f"/proc/{zombie.pid}/stat").read_text(), 10)
    refused(["-p", zombie.pid], ATTACH, str(zombie.pid))
    zombie.wait()


@refusals("thread")
def thread():
    """A thread's number is no process; the message names the process that is meant."""
    need_bpf()
    with demo("leak") as target:
        threads = wait_for("a second thread", lambda: [number for number in os.listdir(f"/proc/{target.pid}/task")
                                                       if int(number) != target.pid], 10)
        refused(["-p", threads[0]], ATTACH, threads[0], f"-p {target.pid}")


@refusals("no_target")
def no_target():
    """Programs without contexts."""
    need_bpf()
    script = subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
    try:
        refused(["-p", script.pid], ATTACH, str(script.pid))
        refused(["census", "-p", script.pid], ATTACH, str(script.pid), "known are", never=["watch it"])
    finally:
        script.communicate()
    with Target([environment("E2E_STATIC_BIN")]) as target:
        refused(["-p", target.pid], ATTACH, str(target.pid))


def program_of_32_bits(path):
    """One page: an ELF header, one segment, and for ever pause()."""
    base, head, segment = 0x08048000, 52, 32
    code = b"\xb8\x1d\x00\x00\x00\xcd\x80\xeb\xf7"
    size = head + segment + len(code)
    path.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) +
                     struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + head + segment, head, 0, 0, head, segment, 1, 0, 0, 0) +
                     struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 0x1000) + code)
    path.chmod(0o755)


@refusals("of_32_bits")
def of_32_bits():
    """A program of 32 bits: which process, and what is watched."""
    need_bpf()
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "old"
        program_of_32_bits(path)
        try:
            target = subprocess.Popen([path])
        except OSError as error:
            raise Skip(f"programs of 32 bits do not run here: {error.strerror}") from error
        try:
            for command in (["-p"], ["census", "-p"], ["check", "-p"]):
                refused([*command, target.pid], ATTACH, f"process {target.pid}:", "32-bit", "only 64-bit x86-64 programs")
            refused(["run", "--", path], ATTACH, "old:", "32-bit", "only 64-bit x86-64 programs")
        finally:
            target.kill()
            target.wait()


@refusals("go_without_context")
def go_without_context():
    need_bpf()
    with Target([build("./go_plain")]) as target:
        refused(["-p", target.pid], ATTACH, "context")


@refusals("itself")
def itself():
    refused([], ATTACH, command=["/bin/sh", "-c", 'exec "$0" -p $$', environment("CTXTRACE_BIN")])


@refusals("kernel_thread")
def kernel_thread():
    try:
        with open("/proc/2/comm", encoding="ascii") as comm:
            name = comm.read().strip()
    except OSError:
        name = ""
    if name != "kthreadd":
        raise Skip("no kernel thread is seen here: a pid namespace of its own")
    refused(["-p", 2], ATTACH, "kernel thread")


@contextlib.contextmanager
def readable_by_all(*paths):
    """Copies that nobody's user may run: the build directory may be closed to it."""
    directory = tempfile.mkdtemp(prefix="ctxtrace-e2e-")
    os.chmod(directory, 0o755)
    copies = [shutil.copy(path, os.path.join(directory, name)) for path, name in paths]
    for copy in copies:
        os.chmod(copy, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    try:
        yield copies
    finally:
        shutil.rmtree(directory)


@refusals("not_root")
def not_root():
    """Neither another's process nor one's own can be watched; the missing capabilities are named."""
    if os.geteuid() != 0 or not has_capability(CAP_SETUID) or not shutil.which("setpriv"):
        raise Skip("needs root, to drop it (CAP_SETUID), and setpriv")
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    missing = ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "root")
    with readable_by_all((environment("CTXTRACE_BIN"), "ctxtrace"), (environment("CTXDEMO_BIN"), "ctxdemo"),
                         (environment("E2E_CONTEXT_LIBRARY"), "libctxtrace-context.so.0")) as (program, own_demo, library):
        env = {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(library)}
        with demo("held") as others, Target([*drop, own_demo, "held"], env=env, cwd="/") as own:
            refused(["-p", others.pid], ATTACH, *missing, command=[*drop, program], cwd="/")
            refused(["check", "-p", others.pid], ATTACH, *missing, command=[*drop, program], cwd="/")
            refused(["-p", own.pid], ATTACH, *missing, command=[*drop, program], cwd="/")
            refused(["run", "--", own_demo, "held"], ATTACH, *missing, command=[*drop, program], cwd="/", env=env)
        without_ptrace = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        with Target([*drop, own_demo, "held"], env=env, cwd="/") as target:
            refused(["-p", target.pid], ATTACH, "CAP_SYS_PTRACE", command=[*without_ptrace, program], cwd="/")


# RFC 1952: time, extra flags and system of who packed it. Nothing reads them, and gzip(1) writes others: no damage.
NO_DATA = range(4, 10)


def unpacks_to(packed, plain):
    """A flipped bit may change nothing: the code of a symbol that does not occur."""
    try:
        return gzip.decompress(packed) == plain
    except (OSError, EOFError, zlib.error):
        return False


def replayed(path):
    done = subprocess.run([environment("CTXTRACE_BIN"), "replay", path, "-f", "json"], capture_output=True, timeout=60,
                          check=False)
    check(done.returncode == 0, f"replay {path}: status {done.returncode}: {done.stderr}")
    return done.stdout


def recording(path):
    with demo("lost-child") as target, Agent("-d", "2s", "--record", path, pid=target.pid) as agent:
        agent.finish()
        target.end()
    return pathlib.Path(path).read_bytes()


@refusals("recordings")
def recordings():
    """Empty, truncated, one bit flipped, of a newer version."""
    need_bpf()
    with tempfile.TemporaryDirectory() as directory:
        good_path = os.path.join(directory, "good.rec")
        good = recording(good_path)
        bad = os.path.join(directory, "bad.rec")
        check(len(good) > 1000, "the recording is too short to break")

        def rejects(content, *words):
            pathlib.Path(bad).write_bytes(content)
            refused(["replay", bad], USAGE, bad, *words)

        rejects(b"")
        rejects(b"#!/bin/sh\nexit 0\n")
        for length in (1, 7, 8, 16, 40, len(good) // 2, len(good) - 1):
            rejects(good[:length])
        plain = gzip.decompress(good)
        rejects(gzip.compress(plain[:8] + struct.pack("<I", 2) + plain[12:]), "newer")
        rejects(gzip.compress(plain[:-4]), "cut off")
        rejects(gzip.compress(plain + b"more"), "behind")
        report = replayed(good_path)
        for place in [*range(0, 48), *range(48, len(good), len(good) // 40)]:
            flipped = good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1:]
            if place in NO_DATA or unpacks_to(flipped, plain):
                pathlib.Path(bad).write_bytes(flipped)
                check(replayed(bad) == report, f"byte {place} carries no data, and the report differs")
            else:
                rejects(flipped)


if __name__ == "__main__":
    main()
