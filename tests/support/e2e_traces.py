# SPDX-License-Identifier: Apache-2.0
"""What a tracer leaves behind: break instructions in the target's code, and BPF objects in the kernel."""
import ctypes
import errno
import os
import re

from e2e import check, wait_for

BPF_PROG_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID = 13, 30


def _code_segments(pid):
    """(address, length, file offset, path) of executable file mappings."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            fields = line.split(None, 5)
            if len(fields) < 6 or "x" not in fields[1] or not fields[5].startswith("/"):
                continue
            begin, end = (int(word, 16) for word in fields[0].split("-"))
            yield begin, end - begin, int(fields[2], 16), f"/proc/{pid}/map_files/{begin:x}-{end:x}"


def changed_code_bytes(pid):
    """How many bytes of the process's code differ from the files it was mapped from: each probe shows as one."""
    changed = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for address, length, offset, path in _code_segments(pid):
            with open(path, "rb") as file:
                there = os.pread(memory.fileno(), length, address)
                original = os.pread(file.fileno(), length, offset)
            if there[:len(original)] != original:
                changed += sum(a != b for a, b in zip(there, original))
    return changed


def bpf_objects(pid):
    """(command to open it by its id, id) of every BPF program and link a process holds."""
    found, commands = set(), {"prog_id": BPF_PROG_GET_FD_BY_ID, "link_id": BPF_LINK_GET_FD_BY_ID}
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as info:
                for key, value in re.findall(r"^(prog_id|link_id):\s*(\d+)$", info.read(), re.M):
                    found.add((commands[key], int(value)))
        except OSError:
            continue
    return found


def still_there(objects):
    """Those of bpf_objects() that the kernel still has."""
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    libc, there = ctypes.CDLL(None, use_errno=True), []
    for command, identity in objects:
        attributes = (ctypes.c_uint32 * 32)(identity)
        fd = libc.syscall(number, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
        if fd >= 0:
            os.close(fd)
            there.append((command, identity))
        elif ctypes.get_errno() != errno.ENOENT:
            raise OSError(ctypes.get_errno(), "bpf(2)")
    return there


def expect_probed(pid):
    check(changed_code_bytes(pid) > 0, "no probe is seen in the target's code: this check would prove nothing")


def expect_nothing_left(pid, objects):
    wait_for("every probe to be gone from the target's code", lambda: changed_code_bytes(pid) == 0, 10)
    wait_for("the kernel to free BPF programs and links", lambda: not still_there(objects), 20)
