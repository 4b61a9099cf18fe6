# SPDX-License-Identifier: Apache-2.0
"""A dashboard's queries, asked of a Prometheus as Grafana would ask them: variables at All."""
import json
import math
import re
import time
import urllib.parse
import urllib.request

POINTS = 120  # of a line


def substitute(expr, chosen, interval="1s", rate_interval="1m", span="5m"):
    """Grafana's own variables, and the dashboard's: {name: regular expression}."""
    for name, value in (("$__rate_interval", rate_interval), ("$__interval", interval), ("$__range", span)):
        expr = expr.replace(name, value)
    for name in sorted(chosen, key=len, reverse=True):
        expr = expr.replace("${" + name + "}", chosen[name]).replace("$" + name, chosen[name])
    return expr


def variables(dashboard):
    return [one for one in dashboard["templating"]["list"] if one["type"] != "datasource"]


def panels(dashboard):
    return [one for one in dashboard["panels"] if one["type"] != "row"]


class Source:
    """A Prometheus, and the span of time that is looked at."""

    def __init__(self, url, seconds=300, end=None):
        self.url, self.seconds, self.end = url, seconds, end or time.time()
        self.step = max(1, seconds // POINTS)
        self.rate_interval = max(10, 2 * self.step)
        self._chosen = {}

    def api(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=60) as answer:
            return json.load(answer)["data"]

    def choices(self, dashboard):
        """({variable: [values]}, {variable: regular expression of all}); each list is narrowed by those before it."""
        found, chosen = {}, {}
        for one in variables(dashboard):
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"]).groups()
            found[one["name"]] = self.api(f"label/{label}/values", **{"match[]": substitute(series, chosen)})
            chosen[one["name"]] = one.get("allValue") or "|".join(map(re.escape, found[one["name"]]))
        return found, chosen

    def _expr(self, dashboard, expr):
        if dashboard["uid"] not in self._chosen:
            self._chosen[dashboard["uid"]] = self.choices(dashboard)[1]
        chosen = self._chosen[dashboard["uid"]]
        return substitute(expr, chosen, f"{self.step}s", f"{self.rate_interval}s", f"{self.seconds}s")

    def instant(self, dashboard, expr):
        """[(labels, value)]"""
        found = self.api("query", query=self._expr(dashboard, expr), time=self.end)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found if not math.isnan(float(one["value"][1]))]

    def range(self, dashboard, expr):
        """[(labels, [(time, value)])]; what is not a number is no point."""
        found = self.api("query_range", query=self._expr(dashboard, expr), start=self.end - self.seconds, end=self.end,
                         step=self.step)["result"]
        lines = [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found]
        lines = [(labels, [point for point in points if math.isfinite(point[1])]) for labels, points in lines]
        return [line for line in lines if line[1]]

    def panel(self, dashboard, panel):
        """Of each query what its panel needs."""
        return [self.instant(dashboard, target["expr"]) if target.get("instant") else self.range(dashboard, target["expr"])
                for target in panel["targets"]]
