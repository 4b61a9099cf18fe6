# SPDX-License-Identifier: Apache-2.0
"""A recording gives the same report, byte for byte, without privilege."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf
from e2e_go import build
from e2e_process import Agent, Target, demo, replay

OPTIONS = ("--min-age", "2s", "--tree")  # the replay needs the second only: a recording carries the rules


def same(target):
    with target, Agent("-d", "6s", *OPTIONS, "--record", "live.rec", "-f", "text=live.txt", pid=target.pid,
                       relative=True) as agent:
        report = agent.finish()
        target.end()
        recording = os.path.join(agent.directory, "live.rec")
        again = replay(recording, "--tree")
        check(again == report.text, "the replayed JSON differs:\n" + difference(report.text, again))
        with open(os.path.join(agent.directory, "live.txt"), encoding="utf-8") as file:
            text = file.read()
        again = replay(recording, "--tree", form="text")
        check(again == text, "the replayed text differs:\n" + difference(text, again))
    return report


def difference(one, other):
    pairs = zip(one.splitlines(), other.splitlines())
    lines = [f"- {a}\n+ {b}" for a, b in pairs if a != b][:10]
    return "\n".join(lines) or f"length {len(one)} and {len(other)}"


@case("go_server")
def go_server():
    need_bpf()
    report = same(Target([build("./go_server"), "-rate", 500, "-leak"]))
    report.expect(report.leaks(), "a replay of findings was to be shown, and there are none")


@case("demo")
def c_demo():
    need_bpf()
    report = same(demo("lost-child"))
    report.expect(report.leaks(), "a replay of findings was to be shown, and there are none")


@case("counts")
def counts():
    need_bpf()
    target = Target([build("./go_counts"), "-rounds", 5])
    target.send("go")
    same(target).expect_no_leak()


if __name__ == "__main__":
    main()
