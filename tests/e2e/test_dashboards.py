# SPDX-License-Identifier: Apache-2.0
"""The dashboards, rules and alerts of dashboards/: made by their builder, linted, and tested by promtool."""
import copy
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "dashboards")]
from dashboard_broken import BROKEN
from e2e import Failed, case, check, main, note, wait_for
from e2e_prometheus import scraped_shops
from e2e_readers import NODE_MODULES, need_modules, need_program, run_in_readers
from painter import data, page, table

MODULES = ("grafana_foundation_sdk", "promql_parser", "yaml")
run_in_readers(*MODULES)
DASHBOARDS = TOP / "dashboards"
ALERTS, RULES, TESTS = DASHBOARDS / "alerts.yaml", DASHBOARDS / "rules.yaml", DASHBOARDS / "alerts_test.yaml"
RUNBOOK = TOP / "docs" / "runbook.md"
KINDS = TOP / "include" / "ctxtrace" / "detect.h"
COUNT = 4


@functools.cache
def lint():
    need_modules(*MODULES)
    import dashboard_lint  # pylint: disable=import-outside-toplevel
    return dashboard_lint


def load_yaml(path):
    need_modules(*MODULES)
    import yaml  # pylint: disable=import-outside-toplevel
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def alerts_of(path):
    return {rule["alert"]: rule for group in load_yaml(path)["groups"] for rule in group["rules"]}


@case("generated")
def generated():
    """What is committed is what the builder makes, byte for byte."""
    need_modules(*MODULES)
    committed = {path.name: path.read_bytes() for path in DASHBOARDS.glob("*.json")}
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, DASHBOARDS / "build.py", place], check=True, timeout=120)
        made = {path.name: path.read_bytes() for path in pathlib.Path(place).iterdir()}
    check(len(made) == COUNT, f"made {sorted(made)}")
    check(set(made) == set(committed), f"made {sorted(made)}, committed {sorted(committed)}")
    for name, text in made.items():
        check(text == committed[name], f"{name} is not what its builder makes; run dashboards/build.py")


@case("lint")
def lint_all():
    world = lint().load(DASHBOARDS)
    check(len(world.dashboards) == COUNT, f"there are {sorted(world.dashboards)}")
    found = [f"{uid}: {name}: {text}" for uid, dashboard in world.dashboards.items()
             for name, text in lint().complaints(dashboard, world)]
    check(not found, "\n".join(found))
    queries = [target for dashboard in world.dashboards.values() for target in lint().targets(dashboard)]
    asked = {one.name for dashboard in world.dashboards.values() for _, expression in lint().parsed(dashboard)
             for one in lint().selectors(expression)}
    note(f"{len(lint().RULES)} rules, {len(queries)} queries of {len(asked)} metrics")
    check(len(queries) > 50 and len(asked) > 20, "the lint has seen next to nothing")


@case("lint_bites")
def lint_bites():
    """A dashboard that breaks one rule is told so by that rule, for each rule."""
    world = lint().load(DASHBOARDS)
    check(set(BROKEN) == set(lint().RULES), f"rules without a broken dashboard: {set(lint().RULES) ^ set(BROKEN)}")
    count = 0
    for name, changes in BROKEN.items():
        for number, change in enumerate(changes):
            others = copy.deepcopy(world)
            broken = others.dashboards["ctxtrace-overview"]
            if name == "every-alert-is-drawn":  # drawn on the fleet's, too
                for one in others.dashboards.values():
                    change(one)
            change(broken)
            told = {rule for rule, _ in lint().complaints(broken, others)}
            check(name in told, f"{name} lets its broken dashboard {number} pass; told: {sorted(told)}")
            count += 1
    note(f"{count} broken dashboards, each found by its rule")


def promtool(*arguments, directory=DASHBOARDS):
    done = subprocess.run([need_program("promtool"), *arguments], cwd=directory, capture_output=True, text=True,
                          timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@case("alerts")
def alerts():
    """promtool finds no fault, every alert fires and is silent again, and none could pass without its number."""
    status, said = promtool("check", "rules", "--lint=all", "rules.yaml", "alerts.yaml")
    check(status == 0, said)
    status, said = promtool("test", "rules", "alerts_test.yaml")
    check(status == 0, said)
    names = set(alerts_of(ALERTS))
    story = {}
    for test in load_yaml(TESTS)["tests"]:
        for one in test["alert_rule_test"]:
            story.setdefault(one["alertname"], []).append(bool(one["exp_alerts"]))
    check(set(story) == names, f"alerts without a test, or tests without an alert: {set(story) ^ names}")
    for name, fires in story.items():
        check(fires == [False, True, False], f"{name} is not shown silent, firing and silent again: {fires}")
    never = promtool_with(r"(>=|<) [\d.e]+", {">=": "> 1e99", "<": "< -1"})
    check(failed(never) == names, f"these pass though they cannot fire: {names - failed(never)}")
    always = promtool_with(r"(>=|<) [\d.e]+.*", {">=": ">= -1e99", "<": "< 2"})
    check(failed(always) == names, f"these pass though they fire for ever: {names - failed(always)}")
    note(f"{len(names)} alerts")


def promtool_with(condition, others):
    """What promtool says of the tests when each alert's condition, a pattern, becomes another."""
    import yaml  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryDirectory() as place:
        changed = load_yaml(ALERTS)
        for group in changed["groups"]:
            for rule in group["rules"]:
                rule["expr"] = re.sub(condition, lambda found: others[found[1]], rule["expr"], count=1)
        for name, text in (("alerts.yaml", yaml.safe_dump(changed)), ("rules.yaml", RULES.read_text()),
                           ("alerts_test.yaml", TESTS.read_text())):
            (pathlib.Path(place) / name).write_text(text, encoding="utf-8")
        status, said = promtool("test", "rules", "alerts_test.yaml", directory=place)
    check(status == 1, f"promtool finds nothing: {said}")
    return said


def failed(said):
    return set(re.findall(r"alertname: ?(\w+), time", said))


@case("rules")
def rules():
    """Rules and alerts ask for what the exporter has, and nothing else; every recorded series is asked for."""
    world, asked = lint().load(DASHBOARDS), set()
    groups = [group for path in (RULES, ALERTS) for group in load_yaml(path)["groups"]]
    for rule in (rule for group in groups for rule in group["rules"]):
        name = rule.get("alert") or rule["record"]
        for one in lint().selectors(lint().promql_parser.parse(rule["expr"])):
            asked.add(one.name)
            check(one.name in world.metrics, f"{name}: nobody exports {one.name}")
            labels = set(lint().matchers(one)) - {"job"}
            check(labels <= world.metrics[one.name], f"{name}: {one.name} has no label {labels}")
    for dashboard in world.dashboards.values():
        asked |= {one.name for _, expression in lint().parsed(dashboard) for one in lint().selectors(expression)}
    recorded = {name for name in world.metrics if ":" in name}
    check(recorded <= asked, f"recorded for nobody: {recorded - asked}")
    unseen = set(lint().catalogue()) - asked
    unseen = {name for name in unseen if not name.endswith(("_sum", "_count"))}
    check(not unseen, f"exported, but on no dashboard and in no alert: {unseen}")


def anchors(text):
    """As the common hosts make them of headings."""
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@case("runbook")
def runbook():
    """A section for each alert and each kind of finding, and none for what there is not."""
    text = RUNBOOK.read_text(encoding="utf-8")
    kinds = re.findall(r'CT_FINDING\(\w+, "([\w-]+)"\)', KINDS.read_text(encoding="utf-8"))
    check(len(kinds) > 10, f"the catalogue of findings was not understood: {kinds}")
    names = alerts_of(ALERTS)
    sections = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading, body = part.split("\n", 1)
        sections[heading.strip()] = body.split("\n## ")[0]
    check(set(sections) == {*kinds, *names},
          f"without a section, or a section of nothing: {set(sections) ^ {*kinds, *names}}")
    for heading, body in sections.items():
        for word in ("**Means**", "**Check**", "**Do**"):
            check(word in body, f"{heading} does not say {word}")
    for name, rule in names.items():
        path, anchor = rule["annotations"]["runbook_url"].split("#")
        check(TOP / path == RUNBOOK and anchor in anchors(text) and anchor == name.lower(), f"{name}: no {path}#{anchor}")
        check(rule["labels"]["severity"] in ("info", "warning", "critical") and rule["for"], f"{name}: severity or for")
    readme = (DASHBOARDS / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (Ctxtrace\w+) \| (\w+) \|", readme, re.MULTILINE))
    check(told == {name: rule["labels"]["severity"] for name, rule in names.items()}, f"the README tells {told}")
    gone = [path for path in re.findall(r"\]\(([\w./-]+)\)", readme) if not (DASHBOARDS / path).exists()]
    check(not gone, f"the README points to {gone}")


LIVE_SECONDS = 240  # as long as a busy machine may take; it goes on as soon as all is there
PICTURES = os.environ.get("CTXTRACE_PICTURES")  # where to, and then after how many seconds of scraping
PICTURE_SECONDS = int(os.environ.get("CTXTRACE_PICTURE_SECONDS", "300"))


def in_time(look, *arguments):
    """What look() says as soon as it finds no fault. A scrape that a busy machine missed leaves a hole for a moment."""
    faults = []

    def looks_good():
        try:
            return [look(*arguments)]
        except Failed as fault:
            faults[:] = [fault]
            return None
    try:
        return wait_for(look.__name__, looks_good, LIVE_SECONDS)[0]
    except Failed:
        raise faults[0] from None


def check_queries(url, dashboards):
    source = data.Source(url)
    empty = [f"{uid}: {panel['title']}: {target['expr']}" for uid, dashboard in dashboards.items()
             for panel in data.panels(dashboard) for target in panel["targets"]
             if not source.instant(dashboard, target["expr"])]
    check(not empty, "no data for " + "\n".join(empty))


def check_variables(url, dashboards):
    """The lists that people choose from have what there is, and all that is chosen is what is ours."""
    source, lists = data.Source(url), {}
    for dashboard in dashboards.values():
        for name, found in source.choices(dashboard)[0].items():
            lists.setdefault(name, set()).add(tuple(found))
    expected = {"job": ("ctxtrace",), "app_job": ("shop",), "instance": ("checkout-1", "shop-1", "shop-2"),
                "cluster": ("east", "west"), "namespace": ("billing", "store"), "service": ("checkout", "shop")}
    check(lists == {name: {values} for name, values in expected.items()}, f"the lists are {lists}")
    fleet = dashboards["ctxtrace-fleet"]
    watched = source.instant(fleet, panel_of(fleet, "Processes watched")["targets"][0]["expr"])
    check([value for _, value in watched] == [3], f"three are watched, not {watched}")


def check_rules(url):
    """@return the alerts that are on their way to fire."""
    found = [rule for group in data.Source(url).api("rules")["groups"] for rule in group["rules"]]
    bad = [f"{rule['name']}: {rule['health']}: {rule.get('lastError')}" for rule in found if rule["health"] != "ok"]
    check(not bad, "\n".join(bad))
    pending = sorted({rule["name"] for rule in found if rule.get("alerts")})
    check("CtxtraceLeakFound" in pending, f"on their way to fire: {pending}")
    return pending


def panel_of(dashboard, title):
    return next(one for one in data.panels(dashboard) if one["title"] == title)


def rows(source, dashboard, title):
    panel = panel_of(dashboard, title)
    return table.rows_of(panel, source.panel(dashboard, panel))


def check_leaks(url, dashboards):
    """Both leaking programs are told, with every cell; never the correct one."""
    told = rows(data.Source(url), dashboards["ctxtrace-overview"], "Leaking functions")
    known = {(row["instance"], row["function"]): row for row in told if row["function"] != "unknown"}
    wanted = {("shop-1", "main.(*shop).subscribe"), ("shop-1", "main.(*shop).lookUp"), ("checkout-1", "reserve_stock")}
    check(wanted <= set(known), f"told are {told}")
    check(all(f"Value #{ref}" in row for row in known.values() for ref in "ABCD"), f"cells are missing: {told}")
    return {row["instance"] for row in told}


def check_side_by_side(url, dashboards):
    """The process that tells nothing of itself is among the rows: a left join."""
    source, process = data.Source(url), dashboards["ctxtrace-process"]
    beside = {row["instance"]: row for row in rows(source, process, "Side by side")}
    check(set(beside) == {"shop-1", "shop-2", "checkout-1"}, f"every process has a row: {beside}")
    check("Value #B" in beside["shop-1"] and "Value #B" not in beside["checkout-1"], f"goroutines are Go's: {beside}")
    watched = rows(source, process, "Who is watched")
    check(sorted(row["program"] for row in watched) == ["ctxdemo", "shop", "shop"], f"three are watched: {watched}")


def check_findings(url, dashboards):
    """What is wrong with the shop that does it wrong; the other one leaks nothing."""
    told = rows(data.Source(url), dashboards["ctxtrace-process"], "Findings")
    kinds = {row["kind"] for row in told if row["instance"] == "shop-1"}
    wanted = {"lost-cancel", "leaked-timer", "outlives-request", "ignored-cancel", "unbounded-request"}
    check(wanted <= kinds, f"told are {sorted(kinds)}")
    return {row["instance"] for row in told if row["severity"] == "leak"}


def draw_all(url, dashboards, seconds):
    """{uid: page}; of every panel something is drawn."""
    source, pages = data.Source(url, seconds), {}
    for uid, dashboard in dashboards.items():
        pages[uid], counts = page.draw(dashboard, source)
        empty = [title for title, count in counts.items() if not count]
        check(not empty, f"{uid}: nothing to draw for {empty}")
    return pages


def photograph(pages, place):
    """Pictures that are not blank, where there is a browser; without one the pages are all that is shown."""
    browser, node = shutil.which("chromium"), shutil.which("node")
    module = NODE_MODULES / "playwright-core" / "index.mjs"
    if not (browser and node and module.exists()):
        note("no browser here: the pages are not looked at; ./dev deps installs one")
        return
    for uid, text in pages.items():
        (place / f"{uid}.html").write_text(text, encoding="utf-8")
    subprocess.run([node, DASHBOARDS / "painter" / "shot.mjs", place], check=True, timeout=240,
                   env={**os.environ, "CHROMIUM": browser, "PLAYWRIGHT": str(module)})
    sizes = {picture.name: picture.stat().st_size for picture in place.glob("*.png")}
    note(f"pictures: {sizes}")
    check(len(sizes) == len(pages) and min(sizes.values()) > 20_000, f"a picture is missing or blank: {sizes}")
    for picture in place.glob("*.png") if PICTURES else ():
        shutil.copy(picture, PICTURES)
        check(sizes[picture.name] < 200_000, f"{picture.name} is too large to keep: draw a shorter time")


@case("live")
def live():
    """Debian's Prometheus scrapes ctxtrace watching a leaking server: every query of every dashboard has data."""
    dashboards = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS.glob("*.json")}
    began = time.monotonic()
    with scraped_shops() as url:
        in_time(check_queries, url, dashboards)
        note(f"every query has data {time.monotonic() - began:.0f} s after the start")
        leaking = in_time(check_leaks, url, dashboards) | in_time(check_findings, url, dashboards)
        check(leaking == {"shop-1", "checkout-1"}, f"the correct shop leaks nothing, but told are {leaking}")
        for look in (check_variables, check_side_by_side):
            in_time(look, url, dashboards)
        if PICTURES:  # some minutes make curves; the test itself waits for data only
            wait_for("something to look at", lambda: time.monotonic() - began > PICTURE_SECONDS, PICTURE_SECONDS + 60)
        pages = in_time(draw_all, url, dashboards, PICTURE_SECONDS if PICTURES else 60)
        note(f"{sum(len(data.panels(one)) for one in dashboards.values())} panels; alerts on their way to fire: "
             f"{in_time(check_rules, url)}")
    with tempfile.TemporaryDirectory() as place:
        photograph(pages, pathlib.Path(place))


if __name__ == "__main__":
    main()
