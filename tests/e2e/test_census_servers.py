# SPDX-License-Identifier: Apache-2.0
"""
Correct servers that others wrote, at work, and programs whose creators were inlined: no census may accuse one. Each
reading is another moment, so it is many of them: 50 with CTXTRACE_SOAK=1, a few otherwise.
"""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, note, pretty
from e2e_census import check_whole
from e2e_go import DEFAULT, VERSIONS, build, with_profile
from e2e_process import Target
from e2e_servers import nats_server, prometheus

ROUNDS = 50 if os.environ.get("CTXTRACE_SOAK") == "1" else 4


def need_memory():
    if os.geteuid() != 0:
        raise Skip("reads the memory of processes that it did not start; root is needed")


def census(pid):
    line = [environment("CTXTRACE_BIN"), "census", "-p", str(pid), "-f", "json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
    check(done.returncode == 0, f"status {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def expect_innocent(**pids):
    """Take turns, so that every program is asked while all of them work. Returns what was told of each."""
    live, incomplete = {name: [] for name in pids}, {name: 0 for name in pids}
    for _ in range(ROUNDS):
        for name, pid in pids.items():
            seen = census(pid)
            check(not seen["findings"], f"{name}: correct code was accused: {pretty(seen['findings'])}")
            live[name].append(seen["contexts"]["live"])
            incomplete[name] += check_whole(seen)
    for name, counts in live.items():
        note(f"{name}: {ROUNDS} censuses, none accused; {min(counts)} to {max(counts)} contexts live; "
             f"{incomplete[name]} readings were made again")
        check(max(counts) > 0, f"{name}: no context was seen, so nothing is shown")
        check(incomplete[name] <= max(2, ROUNDS / 5), f"{name}: {incomplete[name]} readings were incomplete")
    return live


@case("http")
def http():
    """net/http, as fast as it goes."""
    need_memory()
    with Target([build("./go_server"), "-rate", 0]) as target:
        expect_innocent(http=target.pid)
        truth = target.end()
    check(truth["errors"] == 0 and truth["requests"] > 1000, f"the server did not work: {truth}")


@case("grpc")
def grpc():
    """grpc-go: unary calls, streams, deadlines, cancelled calls, connections that come and go."""
    need_memory()
    with Target([build(".", DEFAULT, (), "servers/grpc")]) as target:
        live = expect_innocent(grpc=target.pid)
        truth = target.end()
    check(truth["errors"] == 0 and truth["calls"] > 1000, f"the calls failed: {truth}")
    check(min(live["grpc"]) >= 40, "20 streams, two contexts each, were open for the whole time")


@case("nats")
def nats():
    """nats-server with JetStream, and its clients."""
    need_memory()
    binary = build(".", DEFAULT, (), "servers/nats")
    with nats_server() as (server, url, monitor), Target([binary, "-url", url]) as clients:
        expect_innocent(server=server.pid, clients=clients.pid)
        truth = clients.end()
        check(monitor.count > 10, f"the server was asked {monitor.count} times")
    check(truth["errors"] == 0 and truth["received"] > 1000, f"the clients failed: {truth}")


@case("prometheus")
def debians_prometheus():
    """Stripped, Go 1.19: it scrapes itself and another, and answers queries."""
    need_memory()
    with prometheus() as (server, queries):
        expect_innocent(prometheus=server.pid)
    check(queries.count > 20 and not queries.failed, f"{queries.failed} of {queries.count} queries failed")


def pgo(version):
    """Every shape standing still, and all of them running hot."""
    need_memory()
    binary = with_profile(version)
    with Target([binary]) as still:
        still.tell("go")
        still.tell("gc")
        with Target([binary, "-hot"]) as hot:
            expect_innocent(still=still.pid, hot=hot.pid)
            hot.end()
        still.end()


@case("pgo_go1.21")
def pgo_go1_21():
    pgo(VERSIONS["1.21"])


@case("pgo_go1.24")
def pgo_go1_24():
    pgo(VERSIONS["1.24"])


@case("pgo_go1.26")
def pgo_go1_26():
    pgo(DEFAULT)


@case("pgo_go1.27")
def pgo_go1_27():
    pgo(VERSIONS["1.27"])


if __name__ == "__main__":
    main()
