# SPDX-License-Identifier: Apache-2.0
"""Servers that others wrote, running in the tests: Debian's prometheus, nats-server. Nothing of them is installed."""
import contextlib
import http.client
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from e2e import Skip, wait_for
from e2e_go import build, cache
from e2e_process import Process

QUERIES = ("up", "rate(prometheus_http_requests_total[1m])", "sum by (job) (scrape_duration_seconds)",
           "topk(5, go_memstats_alloc_bytes)", "histogram_quantile(0.9, rate(prometheus_engine_query_duration_seconds[1m]))")
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{own}"]}}]
  - job_name: other
    static_configs: [{{targets: ["127.0.0.1:{other}"]}}]
"""


def prometheus_binary():
    """Of the package, unpacked beside the built targets; installing it would start a service."""
    installed = shutil.which("prometheus")
    if installed:
        return installed
    place = cache() / "prometheus"
    if not (place / "usr/bin/prometheus").exists():
        if not shutil.which("apt-get"):
            raise Skip("no prometheus here, and no apt-get to fetch Debian's")
        place.mkdir(exist_ok=True)
        done = subprocess.run(["apt-get", "download", "prometheus"], cwd=place, capture_output=True, text=True,
                              timeout=300, check=False)
        packages = sorted(place.glob("prometheus_*.deb"))
        if done.returncode or not packages:
            raise Skip(f"Debian's prometheus cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
        subprocess.run(["dpkg", "-x", packages[0], place], check=True)
    return place / "usr/bin/prometheus"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError):
        return None


class _Metrics(http.server.BaseHTTPRequestHandler):
    """What the other scraped target says."""

    def do_GET(self):  # pylint: disable=invalid-name
        body = "".join(f"value{{series=\"{i}\"}} {i}\n" for i in range(500)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # the scraper did not wait
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Queries:
    """Asks prometheus until the end, each query as an instant and over a range."""

    def __init__(self, url):
        self.url, self.count, self.failed, self._over = url, 0, 0, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(query,), daemon=True) for query in QUERIES]
        for thread in self._threads:
            thread.start()

    def _ask(self, query):
        asked = urllib.parse.quote(query)
        while not self._over.wait(0.02):
            for path in (f"query?query={asked}", f"query_range?query={asked}&start=0&end=1000&step=10"):
                answer = answers(f"{self.url}/api/v1/{path}")
                if not answer:
                    continue  # a busy machine is no failure
                self.count += 1
                self.failed += json.loads(answer)["status"] != "success"

    def end(self):
        self._over.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def prometheus():
    """(process, queries): it scrapes itself and another, and queries run."""
    binary, own = prometheus_binary(), free_port()
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Metrics)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        config = pathlib.Path(directory) / "prometheus.yml"
        config.write_text(PROMETHEUS.format(own=own, other=other.server_port), encoding="ascii")
        line = [binary, f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"]
        with Process(line, stdin=subprocess.DEVNULL) as process:
            wait_for("prometheus", lambda: answers(f"http://127.0.0.1:{own}/-/ready"), 60)
            queries = Queries(f"http://127.0.0.1:{own}")
            try:
                yield process, queries
            finally:
                queries.end()
    other.shutdown()
    other.server_close()


class Monitor:
    """Asks for the server's figures over one connection that stays: the only contexts such a server has are its."""

    def __init__(self, url):
        self.connection, self.count = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self):
        while not self._over.wait(0.05):
            self.connection.request("GET", "/connz?subs=1")
            self.count += "connections" in json.load(self.connection.getresponse())

    def end(self):
        self._over.set()
        self._thread.join()
        self.connection.close()


@contextlib.contextmanager
def nats_server():
    """(process, url, monitor), with JetStream."""
    binary = build("github.com/nats-io/nats-server/v2", module="servers/nats")
    with tempfile.TemporaryDirectory() as directory:
        line = [binary, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir", directory, "-js", "-sd", directory,
                "-l", f"{directory}/log"]
        with Process(line, stdin=subprocess.DEVNULL) as process:
            places = pathlib.Path(directory)
            file = wait_for("nats-server", lambda: next(places.glob("*.ports"), None), 60)
            urls = wait_for("its addresses", lambda: _addresses(file), 60)
            monitor = Monitor(urls["monitoring"][0])
            try:
                yield process, urls["nats"][0], monitor
            finally:
                monitor.end()


def _addresses(file):
    try:
        return json.loads(file.read_text(encoding="ascii"))
    except ValueError:  # not written to its end yet
        return None
