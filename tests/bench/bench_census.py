# SPDX-License-Identifier: Apache-2.0
"""
What a census of a large heap costs, and what the program notices of it: a reading without helpers against one with
them, and the program's own throughput during a reading against before. Ratios within this run; nothing here fails by
its timing.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import e2e_process
from e2e import Failed, Skip, environment
from e2e_go import build
from e2e_process import Target

SIZES = (100, 300, 1000)
ROUNDS = 3
HELPERS = min(os.cpu_count() or 1, 4)


def reading(pid, helpers):
    """(milliseconds, megabytes read, KiB at most, seconds of processor)"""
    before = os.times()
    out = subprocess.run([environment("CENSUS_TOOL"), "-j", str(helpers), str(pid)], check=True, capture_output=True, text=True)
    after = os.times()
    said = json.loads(out.stdout)
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return said["ms"], said["read_bytes"] / 1e6, said["max_rss_kb"], used


def rate(target):
    """Operations a second since the last time."""
    target.send("progress")
    said = json.loads(target.lines.wait("progress", lambda line: line.startswith("{"), 60))
    target.lines.wait("its end", lambda line: line == "ok progress", 60)
    return said["operations"] / said["seconds"] if said["seconds"] else 0


def measure(megabytes):
    with Target([build("./go_heap"), "-mb", megabytes, "-lost", 10000, "-busy"]) as target:
        alone, helped, during = [], [], []
        rate(target)
        for _ in range(ROUNDS):
            time.sleep(2)
            calm = rate(target)
            alone.append(reading(target.pid, 0))
            during.append(rate(target) / calm)
            helped.append(reading(target.pid, HELPERS))
            rate(target)
    best, ahead = min(alone), min(helped)
    print(f"{megabytes:>6} MB  {best[0]:7.0f} ms  {ahead[0]:7.0f} ms  {ahead[0] / best[0]:5.2f} x  {best[1]:7.0f} MB  "
          f"{min(row[3] for row in alone):6.2f} s  {ahead[2] / 1024:5.0f} MB  {100 * sorted(during)[ROUNDS // 2]:4.0f}%", flush=True)


def main():
    e2e_process.note = lambda text: None  # a table, and nothing between its rows
    print(f"{'heap':>9}  {'reading':>10}  {f'{HELPERS} helpers':>10}  {'ratio':>7}  {'read':>10}  {'processor':>8}  "
          f"{'memory':>8}  program's throughput meanwhile")
    try:
        for megabytes in SIZES:
            measure(megabytes)
    except (Skip, Failed) as reason:
        print(f"not measured: {reason}")


if __name__ == "__main__":
    main()
