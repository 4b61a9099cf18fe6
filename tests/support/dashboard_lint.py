# SPDX-License-Identifier: Apache-2.0
"""
What a dashboard of ours must be. Each rule is a generator of complaints about one dashboard; RULES has them by name, in
order: the eleven that dashboard-linter documents, then ours. test_dashboards.py breaks each of them once.
"""
import dataclasses
import json
import pathlib
import re
import sys

import promql_parser
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "dashboards"))
from painter.data import substitute

CATALOGUE = TOP / "user" / "report" / "metrics.h"
RULES = {}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
NEEDS_UNIT = ("stat", "table", "timeseries", "gauge", "heatmap")
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
SCHEMA_NEWEST = 41  # the last of the classic format
GRID = 24
# Labels that Prometheus puts on the agents' series, and what a watched program and Prometheus itself tell.
PLACES = {"job", "instance", "cluster", "namespace", "service"}
OTHERS = {"up": set(), "scrape_duration_seconds": set(), "scrape_samples_scraped": set(), "go_goroutines": set(),
          "go_memstats_heap_inuse_bytes": set()}
OF_PROGRAM = "go_"


@dataclasses.dataclass
class World:
    """What dashboards are checked against."""
    dashboards: dict  # uid -> dashboard, all of ours
    metrics: dict     # name -> its labels
    alerts: dict      # name -> expression


def rule(function):
    RULES[function.__name__.replace("_", "-")] = function
    return function


def load(directory):
    files = [yaml.safe_load((directory / name).read_text(encoding="utf-8")) for name in ("rules.yaml", "alerts.yaml")]
    rules = [one for file in files for group in file["groups"] for one in group["rules"]]
    recorded = {one["record"]: set() for one in rules if "record" in one}
    made = sorted(directory.glob("*.json"))
    return World({path.stem: json.loads(path.read_text(encoding="utf-8")) for path in made},
                 {**catalogue(), **recorded, **OTHERS}, {one["alert"]: one["expr"] for one in rules if "alert" in one})


def catalogue():
    """The exporter's own: CT_METRIC(ID, "name", TYPE, "unit", "labels", "help")."""
    rows = re.findall(r'CT_METRIC\(\w+, "(\w+)", (\w+), "\w*", "([\w,]*)"', CATALOGUE.read_text(encoding="utf-8"))
    metrics = {}
    for name, kind, labels in rows:
        labels = set(filter(None, labels.split(",")))
        if kind == "HISTOGRAM":
            metrics.update({f"ctxtrace_{name}_bucket": labels | {"le"}, f"ctxtrace_{name}_sum": labels,
                            f"ctxtrace_{name}_count": labels})
        else:
            metrics[f"ctxtrace_{name}"] = labels
    return metrics


def complaints(dashboard, world):
    """[(rule, complaint)]"""
    return [(name, text) for name, check in RULES.items() for text in check(dashboard, world)]


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield from [one for one in (panel, *panel.get("panels", [])) if one["type"] != "row"]


def targets(dashboard):
    for panel in panels(dashboard):
        for target in panel.get("targets") or []:
            yield panel, target


def variables(dashboard, kind="query"):
    return [one for one in dashboard["templating"]["list"] if one["type"] == kind]


def parse(expr, dashboard):
    return promql_parser.parse(substitute(expr, {one["name"]: ".*" for one in dashboard["templating"]["list"]}))


def parsed(dashboard):
    """(where, expression) of every query that parses; those that do not are promql's business."""
    for panel, target in targets(dashboard):
        try:
            yield panel["title"], parse(target["expr"], dashboard)
        except ValueError:
            continue


def selectors(expression):
    """Every vector selector below an expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        child = getattr(expression, name, None)
        if child is not None and not isinstance(child, str):
            yield from selectors(child)
    for child in getattr(expression, "args", None) or []:
        yield from selectors(child)


def matchers(selector):
    return {one.name: one for one in selector.matchers.matchers}


# ---- the eleven ----

@rule
def datasource_variable(dashboard, _):
    found = variables(dashboard, "datasource")
    if len(found) != 1 or found[0].get("label") != "Data Source" or found[0].get("query") != "prometheus":
        yield f"{len(found)} data source variables; one of type prometheus, labelled Data Source, is wanted"


def _label_variable(dashboard, name, of_all):
    found = [one for one in variables(dashboard) if one["name"] == name]
    if len(found) != 1:
        yield f"no variable {name}"
    for one in found:
        if not (one.get("multi") and one.get("includeAll") and one.get("allValue") == of_all):
            yield f"variable {name} is not multi with all, for which {of_all} stands"
        if one.get("refresh") != 2:
            yield f"variable {name} does not follow the time range"


@rule
def job_variable(dashboard, _):
    """All of them are those listed: .* would be every job that Prometheus has, and each has an `up`."""
    yield from _label_variable(dashboard, "job", None)


@rule
def instance_variable(dashboard, _):
    yield from _label_variable(dashboard, "instance", ".*")


@rule
def label_variables_parse(dashboard, _):
    for one in variables(dashboard):
        query = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"])
        try:
            parse(query.group(1), dashboard)
        except (ValueError, AttributeError):
            yield f"variable {one['name']}: no label_values(PromQL, label): {one['query']['query']}"


@rule
def panel_datasource(dashboard, _):
    for panel in panels(dashboard):
        if panel.get("datasource") != SOURCE or any(one.get("datasource") != SOURCE for one in panel["targets"]):
            yield f"{panel['title']}: does not ask the data source that was chosen"


@rule
def title_and_description(dashboard, _):
    for panel in panels(dashboard):
        if not panel.get("title") or len(panel.get("description", "")) < 20:
            yield f"panel {panel['id']} ({panel.get('title')}) has no title or no description that would teach anything"


@rule
def unit_known(dashboard, _):
    for panel in panels(dashboard):
        found = [panel["fieldConfig"]["defaults"].get("unit")]
        found += [one["value"] for group in panel["fieldConfig"]["overrides"] for one in group["properties"]
                  if one["id"] == "unit"]
        if panel["type"] not in NEEDS_UNIT or not set(found) <= UNITS:
            yield f"{panel['title']}: {panel['type']} with the units {found}"


@rule
def promql(dashboard, _):
    for panel, target in targets(dashboard):
        try:
            parse(target["expr"], dashboard)
        except ValueError as why:
            yield f"{panel['title']}: {target['expr']}: {why}"
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield f"{panel['title']}: asks for nothing"


@rule
def rate_interval(dashboard, _):
    for panel, target in targets(dashboard):
        calls = re.findall(r"\b(?:rate|irate|increase)\(", target["expr"])
        over = re.findall(r"\b(?:rate|irate|increase)\([^\[\]]*\[([^\]]*)\]", target["expr"])
        if over != ["$__rate_interval"] * len(calls):
            yield f"{panel['title']}: a rate over {over}, not over $__rate_interval"


def _chosen(dashboard, label, variable_of):
    for panel, target in targets(dashboard):
        try:
            found = list(selectors(promql_parser.parse(substitute(target["expr"], {}))))
        except ValueError:
            continue
        for selector in found:
            matcher, wanted = matchers(selector).get(label), variable_of(selector.name)
            if not matcher or matcher.op != promql_parser.MatchOp.Re or matcher.value != "$" + wanted:
                yield f'{panel["title"]}: {selector.name} without {label}=~"${wanted}"'


@rule
def job_matcher(dashboard, _):
    """A program's own metrics are another job's, which has a variable of its own."""
    yield from _chosen(dashboard, "job", lambda name: "app_job" if name.startswith(OF_PROGRAM) else "job")


@rule
def instance_matcher(dashboard, _):
    yield from _chosen(dashboard, "instance", lambda name: "instance")


# ---- ours ----

@rule
def fixed_uid(dashboard, world):
    if not re.fullmatch(r"ctxtrace-[a-z]+", dashboard.get("uid") or ""):
        yield f"uid {dashboard.get('uid')}"
    elif sum(one.get("uid") == dashboard["uid"] for one in world.dashboards.values()) > 1:
        yield f"uid {dashboard['uid']} is another's, too"
    elif world.dashboards.get(dashboard["uid"], {}).get("title") != dashboard["title"]:
        yield f"uid {dashboard['uid']} is not the name of its file"


@rule
def no_id(dashboard, _):
    if dashboard.get("id") is not None:
        yield f"id {dashboard['id']}: it would overwrite what has that number where it is imported"


@rule
def panel_ids(dashboard, _):
    ids = [one["id"] for one in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        yield f"two panels of one id: {sorted(ids)}"
    for panel in panels(dashboard):
        names = [one["refId"] for one in panel["targets"]]
        if len(set(names)) != len(names):
            yield f"{panel['title']}: two queries of one name: {names}"


@rule
def tagged(dashboard, _):
    if "ctxtrace" not in dashboard.get("tags", []):
        yield f"tags {dashboard.get('tags')}"


@rule
def linked(dashboard, world):
    linked_to = {one["url"] for one in dashboard["links"] if one.get("includeVars") and one.get("keepTime")}
    others = {f"/d/{uid}" for uid in world.dashboards if uid != dashboard["uid"]}
    if linked_to != others:
        yield f"links to {sorted(linked_to)}, not to {sorted(others)}"
    for address in re.findall(r'"url": "(/d/[^"?]*)', json.dumps(dashboard)):
        if address.removeprefix("/d/") not in world.dashboards:
            yield f"{address} is no dashboard of ours"


@rule
def annotated(dashboard, _):
    found = {one["name"]: one for one in dashboard["annotations"]["list"] if one.get("enable")}
    if not {"Attached", "Restarted"} <= set(found):
        yield f"marks only {sorted(found)}"
    for name, one in found.items():
        try:
            names = {selector.name for selector in selectors(parse(one.get("expr", ""), dashboard))}
        except ValueError:
            names = set()
        if one.get("datasource") != SOURCE or not names or not all(one.startswith("ctxtrace_") for one in names):
            yield f"mark {name} does not ask for our metrics"


def alert_number(expr):
    """What an alert compares with: the leftmost comparison has it."""
    return float(re.search(r"(?:>=|<) ([\d.e]+)", expr).group(1))


@rule
def thresholds_are_alerts(dashboard, world):
    for panel in panels(dashboard):
        config = panel["fieldConfig"]
        drawn = [config["defaults"].get("thresholds")]
        drawn += [one["value"] for group in config["overrides"] for one in group["properties"] if one["id"] == "thresholds"]
        steps = {step["value"] for one in drawn if one for step in one["steps"] if step["value"] is not None}
        said = re.findall(r"\bCtxtrace\w+", panel.get("description", ""))
        unknown = set(said) - set(world.alerts)
        wanted = {alert_number(world.alerts[name]) for name in said if name in world.alerts}
        if unknown or steps != wanted:
            yield (f"{panel['title']}: draws {sorted(steps)}, the alerts it names say {sorted(wanted)}; "
                   f"unknown: {sorted(unknown)}")


@rule
def every_alert_is_drawn(dashboard, world):
    """A matter of all: said of the overview."""
    if dashboard["uid"] != "ctxtrace-overview":
        return
    others = [one for uid, one in world.dashboards.items() if uid != dashboard["uid"]]
    text = " ".join(panel.get("description", "") for one in (dashboard, *others) for panel in panels(one))
    for name in world.alerts:
        if not re.search(rf"\b{name}\b", text):
            yield f"alert {name} is on no panel"


@rule
def grid(dashboard, _):
    taken = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > GRID:
            yield f"{panel['title']}: outside of the grid: {place}"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"{panel['title']} lies on {taken[x, y]}"
                    return
                taken[x, y] = panel["title"]


@rule
def metrics_exist(dashboard, world):
    for where, expression in parsed(dashboard):
        for selector in selectors(expression):
            if selector.name not in world.metrics:
                yield f"{where}: nobody exports {selector.name}"
            elif not set(matchers(selector)) <= world.metrics[selector.name] | PLACES:
                yield f"{where}: {selector.name} has not all the labels {sorted(matchers(selector))}"


@rule
def classic_schema(dashboard, _):
    if not 30 <= dashboard.get("schemaVersion", 0) <= SCHEMA_NEWEST:
        yield f"schemaVersion {dashboard.get('schemaVersion')}"
    try:
        again = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    except (KeyError, TypeError, ValueError, AttributeError) as why:
        yield f"is not what Grafana calls a dashboard: {why}"
        return
    if again != dashboard:
        yield "has what Grafana does not know: " + ", ".join(sorted(_differences(again, dashboard)))[:300]


def _differences(ours, theirs, path=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {*ours, *theirs}:
            yield from _differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (one, other) in enumerate(zip(ours, theirs)):
            yield from _differences(one, other, f"{path}[{i}]")
    elif ours != theirs:
        yield path
