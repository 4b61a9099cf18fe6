# SPDX-License-Identifier: Apache-2.0
"""--metrics: what its readers make of it, that it tells what the report tells, and that no client can harm the tracing."""
import contextlib
import gzip
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, environment, main, need_bpf, note, wait_for
from e2e_go import build
from e2e_metrics import (OPENMETRICS, Serving, api, differences, parse_openmetrics, prometheus, promtool, stored,
                         victoria_metrics)
from e2e_process import Target, c_target

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH = 19, 2


def catalogue():
    """{name: (type, {label, ...})} as docs/metrics.md has it."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(ctxtrace_\w+)` \| (\w+) \| \w* \| ([\w,]*) \|", page, re.M)
    check(len(rows) > 15, f"the page about metrics was not understood: {rows}")
    return {name: (kind, set(filter(None, labels.split(",")))) for name, kind, labels in rows}


@contextlib.contextmanager
def leak():
    """ctxtrace serving, and a C program that has lost 40 contexts: found, and quiet now."""
    need_bpf()
    with c_target() as target, Serving("--min-age", "1s", pid=target.pid) as agent:
        for command in ("pairs 100", "lose 40", "hold 3"):
            target.tell(command)
        agent.errors.wait("the finding", lambda line: "lost-cancel" in line, 60)
        yield target, agent


def same_as_report(agent, samples_of=None):
    """The scrape and the report, once they agree: one may be a second older than the other."""
    def look():
        report, samples = agent.report(), samples_of() if samples_of else agent.samples()
        look.wrong = differences(samples, report)
        return None if look.wrong else (samples, report)
    look.wrong = []
    try:
        return wait_for("a scrape that says what the report says", look, 60)
    finally:
        note(f"differences at the last look: {look.wrong}")


@case("scrape")
def scrape():
    """Both dialects pass their readers, have what the catalogue has and nothing else, and tell what the report tells."""
    with leak() as (target, agent):
        samples, report = same_as_report(agent)
        check(samples['ctxtrace_leaked_contexts{function="lose"}'] == 40, f"forty were lost: {samples}")
        check(samples['ctxtrace_findings{kind="lost-cancel",severity="leak"}'] == 1, "one finding")
        check(samples['ctxtrace_contexts_ended_total{reason="explicit"}'] == 100, "a hundred pairs")
        check(samples['ctxtrace_context_lifetime_seconds_count{reason="explicit"}'] == 100, "a hundred lifetimes")
        check(samples['ctxtrace_events_total'] >= report["quality"]["events"] > 0, "events")
        check(all(value == 0 for series, value in samples.items() if "dropped" in series), "nothing was dropped")
        promtool(agent.get("/metrics"))
        parsed = parse_openmetrics(agent.get("/metrics", Accept=OPENMETRICS))
        check(parsed, "nothing was parsed")
        compare_with_catalogue(agent.get("/metrics"))
        for name, labels, _, exemplar in parsed:
            check(not exemplar or exemplar["function"] in ("make_pairs", "lose", "hold"), f"{name}{labels}: {exemplar}")
        check(sum(1 for sample in parsed if sample[3]) >= 3, "no exemplars")
        own_figures(agent, samples)
        check(str(target.pid) not in " ".join(samples), "a pid is a label")
        final = agent.stop()
        check(not differences(samples, final), f"the final report: {differences(samples, final)}")


def compare_with_catalogue(text):
    named, seen = catalogue(), set()
    for line in text.splitlines():
        kind = re.match(r"# TYPE (ctxtrace_\w+) (\w+)$", line)
        if kind:
            name = kind.group(1)
            check(name in named, f"{name} is not in docs/metrics.md")
            check(named[name][0] == kind.group(2) or (named[name][0], kind.group(2)) == ("info", "gauge"),
                  f"{name} is a {kind.group(2)}")
            seen.add(name)
        elif not line.startswith("#"):
            labels = set(re.findall(r"[{,](\w+)=\"", line)) - {"le"}
            check(labels == named[name][1] and line.startswith(name), f"{line}: not the labels of {name}")
    check(seen == set(named), f"the page names more: {set(named) - seen}")


def own_figures(agent, samples):
    """Of the agent itself: near enough to what the kernel says."""
    ratio = samples["ctxtrace_agent_resident_bytes"] / agent.resident()
    check(0.5 < ratio < 2, f"resident bytes are {ratio:.2f} of what they are")
    check(0 < samples["ctxtrace_agent_cpu_seconds_total"] < 60, "processor time")
    allowed = 1 << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH
    status = pathlib.Path(f"/proc/{agent.pid}/status").read_text(encoding="ascii")
    effective = int(re.search(r"^CapEff:\s+(\w+)$", status, re.M).group(1), 16)
    check(not effective & ~allowed, f"it serves with capabilities {effective:x}")


@case("http")
def http_rules():
    """Pages, methods, encodings, and what happens after the end."""
    with leak() as (_, agent):
        for path, kind in (("/", "text/plain"), ("/metrics", "text/plain; version=0.0.4"), ("/healthz", "text/plain"),
                           ("/report", "application/json"), ("/tree", "application/json"), ("/metrics?a=b", "text/plain")):
            status, headers, body = agent.request(path)
            check(status == 200 and headers["Content-Type"].startswith(kind) and body, f"{path}: {status} {headers}")
            status, head, body = agent.request(path, "HEAD")
            check(status == 200 and not body and head["Content-Type"] == headers["Content-Type"], f"HEAD {path}: {head}")
            status, packed, body = agent.request(path, Accept_Encoding="gzip")
            zipped = packed.get("Content-Encoding") == "gzip"
            check(zipped == (kind != "text/plain" or "metrics" in path), f"{path} with gzip: {packed}")
            check(not zipped or len(gzip.decompress(body)) > len(body), f"{path}: gzip made it longer")
        check(json.loads(agent.get("/report"))["schema"] == "ctxtrace-report/1", "no report")
        check(json.loads(agent.get("/report"))["window"]["end"] is None, "the window has not ended")
        tree = json.loads(agent.get("/tree"))
        check(tree["schema"] == "ctxtrace-tree/1" and tree["live"] >= 43 and not tree["truncated"], f"tree: {tree['live']}")
        check("/metrics" in agent.get("/") and agent.get("/healthz") == "ok\n", "the words")
        for path in ("/metrics/", "/nope", "//metrics", "/%2e%2e/etc/passwd", "/" + "a" * 5000):
            check(agent.request(path)[0] == 404, f"{path[:40]} is no page")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"):
            status, headers, _ = agent.request("/metrics", method)
            check(status == 405 and headers["Allow"] == "GET, HEAD", f"{method}: {status} {headers}")
        connection = agent.connect()
        for _ in range(3):  # one connection for several requests
            check(agent.request("/metrics", connection=connection)[0] == 200, "keep-alive")
        report = agent.stop()
        check(report["contexts"]["created"] == 143, "the report is that of the whole window")
        try:
            agent.request("/metrics")
            check(False, "it serves after its end")
        except OSError:
            pass


def refused(*arguments, words, pid, status=2):
    line = [environment("CTXTRACE_BIN"), "-p", str(pid), "-d", "1s", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    note(f"+ {' '.join(line)}: {done.stderr.strip()}")
    check(done.returncode == status, f"status {done.returncode}, not {status}: {done.stderr}")
    check(done.stderr.count("\n") == 1 and done.stderr.startswith("ctxtrace: ") and words in done.stderr,
          f"not one clear line: {done.stderr}")
    check("watching" not in done.stderr and not done.stdout, "it was attached all the same")


@case("addresses")
def addresses():
    """What cannot be had is told in one line before anything is attached; what can be had is where it says."""
    need_bpf()
    with c_target() as target, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for address in ("", "host", "9435x", "70000", "::1:9435", "[::1]", "h:1:2"):
            refused("--metrics", address, words=f'--metrics "{address}" is no address; 9435', pid=target.pid)
        refused("--metrics", f"127.0.0.1:{taken.getsockname()[1]}", words="Address already in use", pid=target.pid)
        refused("--metrics", "192.0.2.1:9435", words="Cannot assign requested address", pid=target.pid)
        refused("--metrics", "name.invalid:9435", words="cannot serve metrics on name.invalid", pid=target.pid)
        refused("census", words="was not understood", pid=target.pid)
        places = {"0": "127.0.0.1:", ":0": "127.0.0.1:", "localhost:0": "", "0.0.0.0:0": "0.0.0.0:"}
        if os.path.exists("/proc/net/if_inet6") and "00000000000000000000000000000001" in pathlib.Path(
                "/proc/net/if_inet6").read_text(encoding="ascii"):
            places["[::1]:0"] = "[::1]:"
        for address, place in places.items():
            with Serving(pid=target.pid, address=address) as agent:
                check(agent.place.startswith(place), f"{address} became {agent.place}")
                host, port = agent.place.rsplit(":", 1)
                connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=60)
                check(agent.request("/healthz", connection=connection)[2] == b"ok\n", f"{agent.place} does not answer")
                agent.stop()


@case("run")
def run():
    """`run` serves, too, from before the command's first instruction to its end."""
    need_bpf()
    with Serving(command="run", run=[environment("CTXDEMO_BIN"), "service"]) as agent:
        wait_for("contexts", lambda: agent.samples()["ctxtrace_events_total"] > 100, 30)
        report = agent.stop(signal.SIGTERM)
        check(report["contexts"]["created"] > 10, "nothing was seen")


SCRAPES, SLOW_CLIENTS = 10000, 200


def slow_clients(agent):
    """Connections that begin something and go no further, each kind in its turn; with what each was to wait for."""
    beginnings = (b"", b"G", b"GET /metrics HTTP/1.1\r\n", b"GET /report HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3000,
                  b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nz",
                  b"GET /report HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
    clients = []
    for i in range(SLOW_CLIENTS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # an answer that nobody reads is stuck
        client.settimeout(60)
        client.connect(("127.0.0.1", agent.port))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(beginnings[i % len(beginnings)])
        clients.append(client)
    return clients


def drip(clients):
    """A byte from each that still may send one. @return how many may."""
    alive = 0
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(b"a", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            alive += 1
    return alive


@case("load")
def load():
    """Ten thousand scrapes beside two hundred slow clients: memory stays, and the tracing does not notice."""
    need_bpf()
    with c_target("busy") as target, Serving(pid=target.pid) as agent:
        connection = agent.connect()
        for path in ("/metrics", "/report", "/tree") * 50:
            agent.request(path, connection=connection)
        before, clients = agent.resident(), slow_clients(agent)
        for i in range(SCRAPES):
            accept = {"Accept": OPENMETRICS} if i % 2 else {}
            status, _, body = agent.request("/metrics", connection=connection, **accept)
            check(status == 200 and body.endswith(b"# EOF\n") == bool(i % 2), f"scrape {i}: {status}")
            if i % 500 == 0:
                target.tell("pairs 5000")
                note(f"scrape {i}: {agent.resident() >> 10} kB, {drip(clients)} of {SLOW_CLIENTS} slow clients there")
        after = agent.resident()
        note(f"resident: {before >> 10} kB before, {after >> 10} kB after {SCRAPES} scrapes with {SLOW_CLIENTS} slow clients")
        check(after < before + (16 << 20), f"memory grew from {before} to {after} bytes")
        wait_for("the end of every slow client's patience", lambda: not drip(clients), 120)
        for client in clients:
            client.close()
        check(agent.get("/healthz") == "ok\n", "it is not well afterwards")
        truth = target.end()
        report = agent.finish()
        report.expect_complete()
        expect_all(report, truth)


def expect_all(report, truth):
    """Nothing the target did was missed; a few contexts were made before the attach."""
    created, ended = report["contexts"]["created"], report["contexts"]["ended"]["explicit"]
    note(f"{truth['created']} created, {created} seen since the attach")
    check(created <= truth["created"] and ended <= truth["explicit"], "more was seen than happened")
    check(created > 0.5 * truth["created"] and created == ended + report["contexts"]["live"] - report["quality"]["adopted"],
          f"some were missed: {report['contexts']}")
    check(not report["quality"]["dropped"] and not report["quality"]["lost_events"], f"lost: {report['quality']}")


def garbage(rng):
    """Bytes that no client should send."""
    good = [b"GET ", b"HEAD ", b"/metrics", b"/report", b"/tree", b" HTTP/1.1", b"\r\n", b"\r\n\r\n", b"Host: x", b"Accept: ",
            b"application/openmetrics-text;q=", b"Accept-Encoding: gzip", b"Content-Length: 99999999999999999999",
            b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"Connection: keep-alive", b"%", b"?", b":", b"\0"]
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 4000))
    if kind == 1:
        return b"GET /" + b"a" * rng.randrange(1, 100000) + b" HTTP/1.1\r\n\r\n"
    if kind == 2:
        return b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * rng.randrange(1, 20000) + b"\r\n"
    if kind == 3:
        return b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * rng.randrange(1, 200)
    return b"".join(rng.choice(good) for _ in range(rng.randrange(1, 60)))


@case("garbage")
def garbage_requests():
    """Whatever is sent, the next one is served, memory stays, and nothing is dropped."""
    seed = random.randrange(1 << 32)
    note(f"seed {seed}")
    rng = random.Random(seed)
    with leak() as (target, agent):
        agent.samples()
        before = agent.resident()
        for i in range(2000):
            with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as client:
                with contextlib.suppress(OSError):
                    client.sendall(garbage(rng))
                    client.settimeout(0.02)  # some get an answer, some get none; some of us wait for it a little
                    while rng.randrange(3) and client.recv(65536):
                        pass
            if i % 100 == 0:
                check(agent.samples()['ctxtrace_leaked_contexts{function="lose"}'] == 40, "the scrape between")
        after = agent.resident()
        note(f"resident: {before >> 10} kB before, {after >> 10} kB after 2000 garbage requests")
        check(after < before + (16 << 20), f"memory grew from {before} to {after} bytes")
        target.tell("pairs 7")
        report = agent.stop()
        check(report["contexts"]["created"] == 150 and not report["quality"]["lost_events"], "tracing went on")


@case("large_tree")
def large_tree():
    """Of a large tree the oldest ten thousand are shown, and it says so; the tracing goes on beside it."""
    need_bpf()
    count = 300000
    with c_target() as target, Serving("--min-age", "1s", pid=target.pid) as agent:
        for _ in range(10):
            target.tell(f"hold {count // 10}")
        wait_for("all of them", lambda: agent.samples()['ctxtrace_contexts_live{kind="cancel"}'] > count, 60)
        tree = json.loads(agent.get("/tree"))
        check(tree["truncated"] and tree["live"] > count and tree["shown"] == 10000, f"{tree['live']}, {tree['shown']}")
        check(len(tree["tree"]) == 1 and len(tree["tree"][0]["children"]) == 9999, "not all hang below their parent")
        ids = [int(child["id"], 16) for child in tree["tree"][0]["children"]]
        check(ids == sorted(ids) and ids[-1] - ids[0] < 10100, "they are not the oldest")
        for _ in range(20):
            target.tell("pairs 20000")
            agent.get("/tree")
            agent.get("/report")
        report = agent.stop()
        check(report["contexts"]["created"] == count + 400000, f"created {report['contexts']}")
        report.expect_complete()


def expect_no_resets(url):
    """Whatever counts has only risen."""
    counted = 0
    for name, (kind, _) in catalogue().items():
        for part in {"counter": ("",), "histogram": ("_bucket", "_count", "_sum")}.get(kind, ()):
            query = f"resets({name}{part}[1h])"
            resets = wait_for(query, lambda query=query: stored(url, query), 30)
            check(not any(resets.values()), f"{name}{part} went down: {resets}")
            counted += len(resets)
    check(counted > 50, f"only {counted} series")


@case("prometheus")
def real_prometheus():
    """A Prometheus that scrapes a ctxtrace that watches a Go server that leaks has what the report has."""
    need_bpf()
    with Target([build("./go_server"), "-rate", 500, "-leak"]) as server, \
            Serving("--min-age", "2s", pid=server.pid) as agent, \
            prometheus(agent.place, "--storage.tsdb.path={directory}", "--enable-feature=exemplar-storage") as url:
        agent.errors.wait("the finding", lambda line: "lost-cancel" in line and "subscribeUpdates" in line, 120)
        server.signal(signal.SIGSTOP)  # nothing happens now, so that both have the time to say the same
        samples, report = same_as_report(agent, lambda: stored(url))
        note(f"{len(samples)} series; {report['contexts']}")
        check(samples['ctxtrace_findings{kind="lost-cancel",severity="leak"}'] >= 1, "the planted leak")
        leaked = samples.get('ctxtrace_leaked_contexts{function="main.(*server).subscribeUpdates"}', 0)
        check(leaked >= 1, f"leaks by function: {[series for series in samples if 'leaked' in series]}")
        check(samples['ctxtrace_context_lifetime_seconds_count{reason="explicit"}'] > 100, "lifetimes")
        expect_no_resets(url)
        found = wait_for("exemplars", lambda: api(url, "query_exemplars", start="0", end="4000000000",
                                                  query="ctxtrace_context_lifetime_seconds_bucket"), 30)
        functions = {exemplar["labels"]["function"] for series in found for exemplar in series["exemplars"]}
        note(f"exemplars of {sorted(functions)}")
        check(any(name.startswith("main.") for name in functions), f"exemplars: {functions}")
        wait_for("a Go program",
                 lambda: any('runtime="go"' in series for series in stored(url, "ctxtrace_target_info")), 30)
        server.signal(signal.SIGCONT)
        truth = server.end()
        report = agent.finish()
        report.expect_complete()
        check(leaked <= truth["leaks"]["subscribe"], f"{leaked} leaks of {truth['leaks']}")


def leaks_of_fleet(store):
    """[(labels, leaked contexts)]; a scrape that was missed takes them away until the next one."""
    data = api(store, "query", query="sum(ctxtrace_leaked_contexts) by (job, cluster)")
    found = [(entry["metric"], entry["value"][1]) for entry in data["result"]] if data else None
    note(f"leaks of the fleet: {found}")
    return found


@case("fleet")
def fleet():
    """Prometheus in agent mode passes the series on; a store for a fleet has them, with the cluster they are from."""
    with leak() as (_, agent), victoria_metrics() as store:
        extra = f'remote_write: [{{url: "{store}/api/v1/write"}}]'
        with prometheus(agent.place, "--storage.agent.path={directory}", "--enable-feature=agent", extra=extra):
            same_as_report(agent, lambda: stored(store))
            wanted = [({"job": "ctxtrace", "cluster": "test"}, "40")]
            wait_for("the leaks of the fleet", lambda: leaks_of_fleet(store) == wanted, 30)


if __name__ == "__main__":
    main()
