# SPDX-License-Identifier: Apache-2.0
"""What being watched costs a program, and what watching a million contexts costs ctxtrace.

Figures are ratios within this run: the same loop of create and cancel, traced and not, in turns; "+c": with a cause.
Nothing here fails by its timing; what cannot be measured on this machine is told.
"""
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import e2e_process
from e2e import Failed, Skip, need_bpf
from e2e_go import build
from e2e_process import Agent, Target, c_target

ROUNDS = 3
PAIRS = 300_000
GO_WORKERS = 1
MODES = (("uprobe_multi", {}), ("perf_event", {"CTXTRACE_FORCE_PERF": "1"}))


def timed(target, command):
    began = time.perf_counter()
    target.tell(command)
    return time.perf_counter() - began


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s*(\d+)", status).group(1)) / 1024


def watched(target, command, env):
    """(seconds of the command, seconds of ctxtrace's processor meanwhile, report)"""
    with Agent(pid=target.pid, env=env) as agent:
        before = processor_seconds(agent.pid)
        seconds = timed(target, command)
        used = processor_seconds(agent.pid) - before
        return seconds, used, agent.stop()


def pair_cost(name, target, command, pairs):
    """One row a kind of link: the best of some rounds, traced and not in turns."""
    timed(target, command)  # warm
    for mode, env in MODES:
        plain, traced, used, lost = [], [], [], 0
        for _ in range(ROUNDS):
            plain.append(timed(target, command))
            seconds, processor, report = watched(target, command, env)
            traced.append(seconds)
            used.append(processor / seconds)
            lost += sum(report["quality"]["dropped"].values())
        best, base = min(traced), min(plain)
        print(f"{name:<4} {mode:<13} {base / pairs * 1e9:9.0f} ns  {best / pairs * 1e9:9.0f} ns  {best / base:7.1f} x  "
              f"{(best - base) / pairs * 1e9:8.0f} ns  {pairs / best / 1e3:9.0f} k/s  {100 * min(used):5.0f}%  {lost:>9,} lost",
              flush=True)


def costs():
    print(f"{'':<18} {'pair':>12}  {'traced':>12}  {'ratio':>9}  {'added':>11}  {'pairs':>13}  {'ctxtrace':>6}")
    with c_target() as target:
        pair_cost("C", target, f"pairs {PAIRS}", PAIRS)
        pair_cost("C +c", target, f"caused {PAIRS}", PAIRS)
    try:
        arguments = ["-only", "explicit", "-rounds", PAIRS, "-workers", GO_WORKERS]
        with Target([build("./go_counts"), *arguments]) as target:
            pair_cost("Go", target, "go", PAIRS * GO_WORKERS)
        with Target([build("./go_why")]) as target:
            pair_cost("Go+c", target, f"caused {PAIRS}", PAIRS)
    except (Skip, Failed) as reason:
        print(f"Go   not measured: {reason}")


def million():
    """From the signal to the end of ctxtrace; a JSON report is written."""
    with c_target() as target:
        with Agent(pid=target.pid) as agent:
            created = timed(target, "hold 1000000")
            memory = resident_megabytes(agent.pid)
            began = time.perf_counter()
            report = agent.stop()
            seconds = time.perf_counter() - began
    quality = report["quality"]
    print(f"a million live contexts (C): made in {created:.2f} s, {report['contexts']['live']:,} seen live, "
          f"{sum(quality['dropped'].values()):,} lost\n  ctxtrace holds {memory:.0f} MB; report and detach take {seconds:.2f} s")


def main():
    e2e_process.note = lambda text: None  # a table, and nothing between its rows
    try:
        need_bpf()
    except Skip as reason:
        print(f"not measured: {reason}")
        return
    costs()
    million()


if __name__ == "__main__":
    main()
