# SPDX-License-Identifier: Apache-2.0
"""The numbers of user/memory/layout.c: right for every Go release, and what a census does when one is not."""
import functools
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, note
from e2e_census import Leaks, need_memory
from e2e_go import DEFAULT, VERSIONS, build

WRONG, NO_SUCH_NUMBER = 1, 3


def tool(name, *arguments):
    line = [str(pathlib.Path(environment("E2E_BUILD")) / "tests" / "unit" / name), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)


def against_dwarf(version):
    done = tool("layout_tool", build("./census_leaks", version))
    check(done.returncode == 0 and ", 0 wrong" in done.stdout, f"{done.returncode}: {done.stdout}{done.stderr}")
    note(done.stdout.splitlines()[-1])


for series, release in VERSIONS.items():
    case(f"go{series}")(functools.partial(against_dwarf, release))


@case("wrong_number")
def wrong_number():
    """Each number in turn is taken for 8 more: the check has to notice each."""
    program, number = build("./census_leaks"), 0
    while True:
        done = tool("layout_tool", "-w", number + 1, program)
        if done.returncode == NO_SUCH_NUMBER:
            break
        number += 1
        check(done.returncode == WRONG and ", 1 wrong" in done.stdout, f"number {number}: {done.stdout}{done.stderr}")
    check(number > 40, f"only {number} numbers are compared")


def read_shifted(version):
    """{(number, change): line} of a program of its own."""
    with Leaks([build("./census_leaks", version)]) as target:
        done = tool("shift_tool", target.pid)
    check(done.returncode == 0, f"{done.returncode}: {done.stderr}")
    right, *wrong = [line.split(" ", 5) for line in done.stdout.splitlines()]
    check(right[2] == "judged" and int(right[3]) == target.truth["live"], f"not even the right layout: {right}")
    for line in wrong:
        check(line[2] != "judged" or line[3] == right[3] and int(line[4]) <= int(right[4]),
              f"judged differently: {line}, right is {right}")
    return {(line[0], line[1]): line for line in wrong}


def shifted(version):
    """A runtime laid out differently from what its version says is refused, or read right all the same."""
    need_memory()
    lines = read_shifted(version)
    left = [key for key, line in lines.items() if line[2] == "incomplete"]
    if len(left) * 10 >= len(lines):  # what a wrong number stands for depends on addresses: another program has others
        again = read_shifted(version)
        check(again.keys() == lines.keys(), "other numbers than before")
        lines.update((key, again[key]) for key in left)
        note(f"{len(left)} incomplete, {sum(lines[key][2] == 'incomplete' for key in left)} of them twice")
    wrong = list(lines.values())
    judged = [line for line in wrong if line[2] == "judged"]
    refused = [line for line in wrong if line[2] == "refused"]
    note(f"{len(wrong)} wrong layouts: {len(refused)} refused, {len(judged)} judged like the right one, by the numbers "
         f"{sorted({line[0] for line in judged})}")
    # An incomplete reading gives no verdict: few may end so, whatever the program was doing.
    check((len(refused) + len(judged)) * 10 > len(wrong) * 9, f"{len(refused)} and {len(judged)} of {len(wrong)} decided")
    check(len(refused) * 3 > len(wrong) * 2, f"only {len(refused)} of {len(wrong)} refused")


for series in ("1.17", "1.20", "1.23", "1.27"):
    case(f"shifted_go{series}")(functools.partial(shifted, VERSIONS[series]))


if __name__ == "__main__":
    main()
