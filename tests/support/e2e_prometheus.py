# SPDX-License-Identifier: Apache-2.0
"""A Prometheus that scrapes three ctxtraces and the programs they watch, with the rules of dashboards/."""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from e2e import need_bpf, wait_for
from e2e_go import DEFAULT, build
from e2e_metrics import Serving
from e2e_process import Process, Target, demo
from e2e_readers import need_program
from e2e_servers import answers, free_port

DASHBOARDS = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}/rules.yaml, {rules}/alerts.yaml]
scrape_configs:
  - job_name: ctxtrace
    static_configs: {agents}
  - job_name: shop
    static_configs: {programs}
"""
TARGET = """
      - targets: ['{place}']
        labels: {{instance: {instance}, cluster: {cluster}, namespace: {namespace}, service: {service}}}"""
# The program that does it wrong, its twin that does it right, and one in C, which tells nothing of itself.
LEAKING, CORRECT, IN_C = (dict(instance=instance, cluster=cluster, namespace=namespace, service=service)
                          for instance, cluster, namespace, service in (
                              ("shop-1", "east", "store", "shop"), ("shop-2", "west", "store", "shop"),
                              ("checkout-1", "west", "billing", "checkout")))


class Metered(Target):
    """tests/targets/servers/metered: the line before its first one says where its own metrics are."""

    def __init__(self, directory, *arguments):
        binary = pathlib.Path(directory) / "shop"  # what the dashboards call it
        shutil.copy(build(".", DEFAULT, (), "servers/metered"), binary)
        super().__init__([binary, *arguments])
        self.place = self.lines.all[0].split()[1]


def configure(directory, agents, programs):
    def lines(places):
        return "".join(TARGET.format(place=place, **labels) for place, labels in places)
    path = pathlib.Path(directory) / "prometheus.yml"
    path.write_text(CONFIG.format(rules=DASHBOARDS, agents=lines(agents), programs=lines(programs)), encoding="ascii")
    subprocess.run([need_program("promtool"), "check", "config", path], check=True, capture_output=True, timeout=60)
    return path


@contextlib.contextmanager
def scraped_shops():
    """The address of a Prometheus that knows everything of them."""
    need_bpf()
    binary, port = need_program("prometheus"), free_port()
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(3)]
        wrong, right = (stack.enter_context(Metered(place, *word)) for place, word in zip(places, (["-leak"], [])))
        in_c = stack.enter_context(demo("leak"))
        agents = [(stack.enter_context(Serving("--min-age", "2s", pid=target.pid)).place, labels)
                  for target, labels in ((wrong, LEAKING), (right, CORRECT), (in_c, IN_C))]
        config = configure(places[-1], agents, [(wrong.place, LEAKING), (right.place, CORRECT)])
        line = [binary, f"--config.file={config}", f"--storage.tsdb.path={places[-1]}/data", "--log.level=error",
                f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"]
        stack.enter_context(Process(line, stdin=subprocess.DEVNULL))
        wait_for("prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
        yield f"http://127.0.0.1:{port}"
