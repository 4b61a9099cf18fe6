# SPDX-License-Identifier: Apache-2.0
"""`ctxtrace census`: who holds cancel functions that nobody calls, and what all the goroutines do."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, note
from e2e_go import DEFAULT, VERSIONS, build
from e2e_process import Lines, Process

STRIPPED = ("-trimpath", "-ldflags=-s -w")
RESIDENT_KB_MAX = 64 * 1024


class Holders(Process):
    """tests/targets/go_holders: its only line is the truth; it ends with its input."""

    def __init__(self, command):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        with self.ended_on_failure():
            self.truth = json.loads(self.lines.wait("the truth", lambda line: line.startswith("{"), 120))


def need_memory():
    if os.geteuid() != 0:
        raise Skip("reads the memory of processes that it did not start; root is needed")


def run(*arguments):
    line = [environment("CTXTRACE_BIN"), *[str(word) for word in arguments]]
    note("+ " + " ".join(line))
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL) as process:
        out = process.stdout.read()
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    check(process.returncode == 0, f"status {process.returncode}: {error[-2000:]}")
    return out, usage.ru_maxrss


def chain_of(held):
    """The kinds and names of the chain most of a group have, and how many of the sample end as it does."""
    first = max(held["chains"], key=lambda chain: chain["count"])
    end = first["chain"][-1]
    same = sum(chain["count"] for chain in held["chains"]
               if chain["chain"] and (chain["chain"][-1]["what"], chain["chain"][-1]["name"],
                                      chain["chain"][-1]["function"]) == (end["what"], end["name"], end["function"]))
    return first["chain"], same


def expect_held(report, count, kinds, last, is_stripped=False):
    """`kinds` of the hops, and the `last` one's function or, with symbols, its variable."""
    groups = [held for held in report["holders"] if held["count"] == count and held["parent_kind"] == "cancel"]
    check(len(groups) == 1, f"{len(groups)} groups of {count} contexts: {report['holders']}")
    chain, same = chain_of(groups[0])
    end = chain[-1]
    check([hop["what"] for hop in chain] == kinds, f"{count} are held by {chain}, not {kinds}")
    check(same == groups[0]["sampled"] == min(16, count), f"{same} of {groups[0]['sampled']} end like this: {groups[0]}")
    if end["what"] == "global" and is_stripped:
        check(end["name"].startswith(("bss+0x", "data+0x")), f"a stripped program's variable: {end}")
    elif end["what"] == "global":
        check(end["name"] == last, f"{count} are held by {end}, not {last}")
    else:
        check(end["function"] == last and end["line"] > 0 and end["goroutine"], f"{count} are held by {end}")
    return chain


def expect_holders(report, truth, is_stripped):
    chain = expect_held(report, truth["in_map"], ["map", "global"], "main.pending", is_stripped)
    check(chain[0]["entries"] == truth["in_map"], f"a map of {chain[0]['entries']}")
    expect_held(report, truth["in_slice"], ["object", "global"], "main.queue", is_stripped)
    chain = expect_held(report, truth["in_channel"], ["channel", "global"], "main.channel", is_stripped)
    check(chain[0]["entries"] == truth["in_channel"], f"a channel of {chain[0]['entries']}")
    expect_held(report, truth["in_struct"], ["object", "object", "stack"], "main.serve")
    chain = expect_held(report, truth["in_closure"], ["closure", "object", "global"], "main.shutdown", is_stripped)
    check(chain[0]["name"] == "main.holdInClosure.func1", f"a closure called {chain[0]['name']}")
    expect_held(report, truth["deferred"], ["stack"], "main.deferring")
    held = [group for group in report["holders"] if group["count"] == truth["defer_list"]]
    chains = sorted(tuple(hop["what"] for hop in chain["chain"]) for chain in held[0]["chains"])
    check(chains == [("closure", "deferred"), ("deferred",)], f"on the defer list: {held}")
    check(all(chain["chain"][-1]["function"] == "main.deferringAll" for chain in held[0]["chains"]), f"{held}")


def function_at(group):
    """The innermost function of the program's own."""
    return next((frame["function"] for frame in group["at"]["frames"] if frame["function"].startswith("main.")), None)


def expect_group(report, function, count, reason, relation=(), started="main.start"):
    groups = [group for group in report["goroutines"]["groups"] if function_at(group) == function]
    check(sum(group["count"] for group in groups) == count, f"{count} in {function}: {groups}")
    check({group["state"] for group in groups} == {"waiting"}, f"{function}: {groups}")
    check({group["wait_reason"] for group in groups} == {reason}, f"{function} waits for {reason}: {groups}")
    check(all(group["created"]["frames"][0]["function"] == started and group["created"]["frames"][0]["line"] > 0
              for group in groups), f"{function} was started by {started}: {groups}")
    check(all(len(group["examples"]) == min(3, group["count"]) for group in groups), f"examples: {groups}")
    if relation:
        what, fate = relation
        check(sum(group[what][fate] for group in groups) == count, f"{function}: {what} {fate}: {groups}")


def expect_goroutines(report, truth):
    expect_group(report, "main.waitLost", truth["wait_lost"], "select", ("waits_for", "lost"))
    expect_group(report, "main.waitFor", truth["wait_live"], "chan receive", ("waits_for", "live"))
    expect_group(report, "main.ignore", truth["ignore_cancelled"], "chan receive", ("refers_to", "cancelled"))
    expect_group(report, "main.sleeper", truth["sleeping"], "sleep")
    if truth["idle"]:
        expect_group(report, "main.idle", truth["idle"], "chan receive", started="main.startIdle")
    goroutines = report["goroutines"]
    known = sum(truth[name] for name in ("wait_lost", "wait_live", "ignore_cancelled", "sleeping", "deferred", "idle"))
    check(goroutines["seen"] == known + 3 and goroutines["refused"] == 0, f"{known} and 3 are not {goroutines['seen']}")
    check(goroutines["system"] > 0, "the runtime has goroutines of its own")
    check(goroutines["seen"] == sum(group["count"] for group in goroutines["groups"]), "groups hold all of them")


def explained(version=DEFAULT, flags=(), arguments=()):
    need_memory()
    with Holders([build("./go_holders", version, flags), *arguments]) as target:
        out, resident = run("census", "-p", target.pid, "-f", "json")
        report = json.loads(out)
        expect_holders(report, target.truth, bool(flags))
        expect_goroutines(report, target.truth)
        return resident


@case("go1.26")
def go1_26():
    explained()


@case("go1.21")
def go1_21():
    explained(VERSIONS["1.21"])


@case("go1.27")
def go1_27():
    explained(VERSIONS["1.27"])


@case("go1.26_stripped")
def go1_26_stripped():
    explained(flags=STRIPPED)


@case("hundred_thousand")
def hundred_thousand():
    """All of them in one group; what they cost the agent is bounded, as it keeps groups."""
    resident = explained(arguments=("-idle", 100000))
    check(resident <= RESIDENT_KB_MAX, f"{resident} kB resident")


@case("report")
def report():
    """The text names the map and the lost wait; the replay is the same to the byte; --no-goroutines leaves them out."""
    need_memory()
    with tempfile.TemporaryDirectory() as directory, Holders([build("./go_holders")]) as target:
        kept = os.path.join(directory, "census.ctx")
        text, _ = run("census", "-p", target.pid, "--record", kept)
        check("a map of 2,000 <- global main.pending" in text, text)
        check("50 wait for a context that is lost" in text and "started by main.start" in text, text)
        check(max(map(len, text.splitlines())) <= 100, "a line is longer than 100 columns")
        again, _ = run("replay", kept, "--min-age", "1s")
        check(again == text, f"the replay differs:\n{again}")


@case("watched")
def watched():
    """At the end of a watched window too, for what is older than --min-age; unless goroutines are left out."""
    need_memory()
    with Holders([build("./go_holders")]) as target:
        seen = json.loads(run("-p", target.pid, "-d", "3s", "--min-age", "1s", "-q", "-f", "json")[0])
        check(any(hop["name"] == "main.pending" for held in seen["holders"] for chain in held["chains"]
                  for hop in chain["chain"]), f"the map is not named: {seen['holders']}")
        expect_goroutines(seen, target.truth)
        check(seen["quality"]["verdict"] == "complete", f"{seen['quality']}")
        seen = json.loads(run("-p", target.pid, "-d", "3s", "--no-goroutines", "-q", "-f", "json")[0])
        check("goroutines" not in seen, "goroutines were left out by the user")


if __name__ == "__main__":
    main()
