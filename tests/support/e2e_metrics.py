# SPDX-License-Identifier: Apache-2.0
"""Scraping a ctxtrace that serves metrics, and the programs that read what it serves."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.parse

from e2e import Skip, check, wait_for
from e2e_process import Agent, Process
from e2e_servers import answers, free_port

READERS = pathlib.Path("~/.cache/ctxtrace/readers").expanduser()
SERVING = re.compile(r"^ctxtrace: metrics on http://([^/]+)/metrics$")
OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
# Reads OpenMetrics as strictly as its authors do. In: a document. Out: [[sample, labels, value, exemplar labels]].
PARSER = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
samples = [s for family in families(sys.stdin.read()) for s in family.samples]
json.dump([[s.name, s.labels, s.value, s.exemplar.labels if s.exemplar else None] for s in samples], sys.stdout)
"""


class Serving(Agent):
    """ctxtrace --metrics on a port that is free; its place is known before the target is touched."""

    def __init__(self, *arguments, address="127.0.0.1:0", **options):
        super().__init__("--metrics", address, *arguments, wait=False, **options)
        with self.ended_on_failure():
            line = self.errors.wait("where it serves", SERVING.match, 30)
            self.place = SERVING.match(line).group(1)
            self.wait_watching()

    @property
    def port(self):
        return int(self.place.rsplit(":", 1)[1])

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, path, method="GET", connection=None, **headers):
        """(status, headers, body)"""
        used = connection or self.connect()
        used.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = used.getresponse()
        body = answer.read()
        if not connection:
            used.close()
        return answer.status, dict(answer.getheaders()), body

    def get(self, path, **headers):
        status, got, body = self.request(path, **headers)
        check(status == 200, f"{path}: {status} {body[:200]}")
        check(int(got["Content-Length"]) == len(body) > 0, f"{path}: length {got['Content-Length']}, {len(body)} bytes")
        return body.decode()

    def report(self):
        return json.loads(self.get("/report"))

    def samples(self):
        """{"name{label="value"}": number} of a scrape as text."""
        return dict(parse_line(line) for line in self.get("/metrics").splitlines() if not line.startswith("#"))

    def resident(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def parse_line(line):
    """What a reader that knows nothing of labels takes it for."""
    series, value = line.rsplit(" ", 1)
    return series, float(value)


def reader(name):
    """A program among the readers that ./dev deps installs, or Skip."""
    path = READERS / "python/bin" / name
    if not path.exists():
        raise Skip(f"no {name} among the readers; ./dev deps installs them")
    return path


def parse_openmetrics(text):
    """Samples as prometheus_client's strict parser reads them."""
    python = reader("python")
    if subprocess.run([python, "-c", "import prometheus_client"], capture_output=True, check=False).returncode:
        raise Skip("no prometheus_client among the readers; ./dev deps installs it")
    done = subprocess.run([python, "-c", PARSER], input=text, capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == 0, f"not OpenMetrics: {done.stderr[-1500:]}")
    return json.loads(done.stdout)


def promtool(text):
    """promtool's own words about a text exposition; an empty one it would praise, too."""
    check(text.strip(), "there is nothing to check")
    try:
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=120,
                              check=False)
    except FileNotFoundError:
        raise Skip("no promtool here; ./dev deps installs Debian's prometheus") from None
    check(done.returncode == 0 and not done.stdout and not done.stderr, f"promtool: {done.stdout}{done.stderr}")


def expected(report):
    """The series whose values a JSON report has, too."""
    values = {f'ctxtrace_contexts_ended_total{{reason="{reason}"}}': count
              for reason, count in report["contexts"]["ended"].items()}
    values["ctxtrace_tasks_live"] = report["tasks"]["live"]
    values["ctxtrace_requests_live"] = report["requests"]["live"]
    values["ctxtrace_undecided_contexts"] = sum(entry["count"] for entry in report["undecided"])
    for confidence, name in (("confirmed", "findings"), ("suspected", "findings_suspected")):
        for finding in report["findings"]:
            if finding["confidence"] == confidence:
                series = f'ctxtrace_{name}{{kind="{finding["kind"]}",severity="{finding["severity"]}"}}'
                values[series] = values.get(series, 0) + 1
    for finding in report["findings"]:
        if finding["severity"] != "leak" or finding["confidence"] != "confirmed" or finding["kind"] == "outlives-request":
            continue  # of tasks
        frames = finding["site"]["frames"]
        for name, field in (("contexts", "live"), ("bytes", "retained_bytes")):
            series = f'ctxtrace_leaked_{name}{{function="{frames[0]["function"] if frames else "unknown"}"}}'
            values[series] = values.get(series, 0) + finding[field]
    return values


def differences(samples, report):
    """[] when a scrape says what a report says."""
    wrong = [f"{series}: {samples.get(series)}, not {value}" for series, value in expected(report).items()
             if samples.get(series) != value]
    created = sum(value for series, value in samples.items() if series.startswith("ctxtrace_contexts_created_total{"))
    live = sum(value for series, value in samples.items() if series.startswith("ctxtrace_contexts_live{"))
    if created != report["contexts"]["created"] or live != report["contexts"]["live"]:
        wrong.append(f"created {created}, live {live}, not {report['contexts']}")
    return wrong


CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
{extra}
scrape_configs:
  - job_name: ctxtrace
    static_configs: [{{targets: ["{place}"], labels: {{cluster: test}}}}]
"""


def program(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"no {name} here; ./dev deps installs Debian's")
    return path


@contextlib.contextmanager
def prometheus(place, *options, extra=""):
    """A Prometheus that scrapes `place` every second. @return its URL."""
    binary, port = program("prometheus"), free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = pathlib.Path(directory) / "prometheus.yml"
        config.write_text(CONFIG.format(place=place, extra=extra), encoding="ascii")
        line = [binary, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
                *[option.format(directory=directory) for option in options]]
        with Process(line, stdin=subprocess.DEVNULL):
            wait_for("prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def victoria_metrics():
    """@return its URL."""
    binary, port = program("victoria-metrics"), free_port()
    with tempfile.TemporaryDirectory() as directory:
        line = [binary, f"-storageDataPath={directory}", f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=0s",
                "-loggerLevel=ERROR"]
        with Process(line, stdin=subprocess.DEVNULL):
            wait_for("VictoriaMetrics", lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
            yield f"http://127.0.0.1:{port}"


def api(url, path, **parameters):
    """The data of an answer of Prometheus's API; None while it has none."""
    answer = answers(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    if not answer:
        return None
    answer = json.loads(answer)
    check(answer["status"] == "success", f"{path} {parameters}: {answer}")
    return answer["data"]


def stored(url, query='{__name__=~"ctxtrace_.*"}'):
    """{series: number} as a scrape has it, of what was stored last."""
    data, values = api(url, "query", query=query), {}
    for entry in data["result"] if data else []:
        labels = {name: value for name, value in entry["metric"].items() if name not in ("job", "instance", "cluster")}
        name = labels.pop("__name__", "")
        shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        values[f"{name}{{{shown}}}" if shown else name] = float(entry["value"][1])
    return values
