# SPDX-License-Identifier: Apache-2.0
"""Cases on live processes: how they are run, skipped and judged.

A file of cases decorates functions with @case(name) and ends with main(). `python3 test_x.py NAME` runs one case (one
ctest each); without a name all run. Exit status 0: passed; 1: failed; 77: skipped, and a line `SKIP: reason` says why.
"""
import ctypes
import json
import os
import sys
import time
import traceback

CASES = {}
SKIPPED = 77


class Skip(Exception):
    """The case needs what this machine does not have."""


class Failed(Exception):
    """What was promised did not happen."""


def case(name):
    def register(function):
        CASES[name] = function
        return function
    return register


def note(text):
    """Goes into the log of the test: figures, and what happens now."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def check(condition, message):
    if not condition:
        raise Failed(message)


def wait_for(what, condition, seconds):
    """Wait until condition() is true; its value is returned. Nothing here sleeps a fixed time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


def environment(name):
    value = os.environ.get(name)
    if not value or not os.path.exists(value):
        raise Skip(f"{name} names no file: run this through ctest, or set it")
    return value


def _capabilities():
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def has_capability(number):
    """Is this one effective? Root in a container may have none."""
    return bool(_capabilities() >> number & 1)


def _bpf_errno():
    """errno of the smallest bpf(2) call that needs privilege: an array map of one element."""
    numbers = {"x86_64": 321, "aarch64": 280}
    number = numbers.get(os.uname().machine)
    if number is None:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = (ctypes.c_uint32 * 32)(2, 4, 4, 1)
    fd = libc.syscall(number, 0, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if fd < 0:
        return ctypes.get_errno()
    os.close(fd)
    return 0


def need_bpf():
    """Skip where probes cannot be placed; never because ctxtrace itself says so, which would hide its faults."""
    sys_admin, sys_ptrace = 1 << 21, 1 << 19
    if _capabilities() & (sys_admin | sys_ptrace) != sys_admin | sys_ptrace:
        raise Skip("needs root (CAP_SYS_ADMIN and CAP_SYS_PTRACE)")
    errno = _bpf_errno()
    if errno:
        raise Skip(f"this kernel refuses bpf(2): {os.strerror(errno)}")


def _run(name):
    began = time.monotonic()
    try:
        CASES[name]()
    except Skip as reason:
        print(f"SKIP: {name}: {reason}", flush=True)
        return SKIPPED
    except Failed as failure:
        print(f"FAIL: {name}: {failure}", flush=True)
        return 1
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        print(f"FAIL: {name}: the case itself broke", flush=True)
        return 1
    print(f"PASS: {name} in {time.monotonic() - began:.1f} s", flush=True)
    return 0


def main():
    sys.stdout.reconfigure(line_buffering=True)
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return
    names = sys.argv[1:] or list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"no such case: {', '.join(unknown)}; there are: {', '.join(CASES)}")
    results = [_run(name) for name in names]
    sys.exit(max((r for r in results if r != SKIPPED), default=SKIPPED))


def pretty(value, limit=6000):
    text = json.dumps(value, indent=1)
    return text if len(text) <= limit else text[:limit] + "\n... cut"
