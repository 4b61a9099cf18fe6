# SPDX-License-Identifier: Apache-2.0
"""Reading a recording without ctxtrace: user/source/recording.h and the catalogue of include/ctxtrace/event.h."""
import collections
import gzip
import pathlib
import re
import struct

from e2e import check

EVENT_H = pathlib.Path(__file__).resolve().parents[2] / "include" / "ctxtrace" / "event.h"
HEADER = struct.Struct("<QIHBB")  # time, sequence, cpu, type, flags


def names():
    rows = re.findall(r"CT_EVENT\((\w+), (\d+), ct_event_", EVENT_H.read_text(encoding="utf-8"))
    check(len(rows) > 10, "the catalogue of events was not understood")
    return {int(number): name for name, number in rows}


def events(path):
    """Name, flags and bytes of each event, one after the other."""
    with gzip.open(path, "rb") as file:
        content = file.read()
    check(content[:8] == b"CTXTRACE", "no recording")
    known, at = names(), 16
    while True:
        length = struct.unpack_from("<I", content, at)[0]
        at += 4
        if not length:
            break
        _, _, _, number, flags = HEADER.unpack_from(content, at)
        yield known[number], flags, content[at:at + length]
        at += length
    check(at == len(content), "something is behind the end")


def events_by_type(path):
    """How many events of each name are in it."""
    return collections.Counter(name for name, _, _ in events(path))
