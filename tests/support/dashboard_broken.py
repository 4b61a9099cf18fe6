# SPDX-License-Identifier: Apache-2.0
"""Dashboards that are wrong: for each rule of dashboard_lint what it must not let pass, as changes to the overview."""


def first(dashboard, kind="timeseries"):
    return next(one for one in dashboard["panels"] if one["type"] == kind)


def variable(dashboard, name):
    return next(one for one in dashboard["templating"]["list"] if one["name"] == name)


def ask(dashboard, expr):
    first(dashboard)["targets"][0]["expr"] = expr


OF = '{job=~"$job", instance=~"$instance"}'
# What each rule must not let pass: changes to a good dashboard.
BROKEN = {
    "datasource-variable": [lambda d: variable(d, "datasource").update(label="Source"),
                            lambda d: d["templating"]["list"].append(dict(variable(d, "datasource"), name="other"))],
    "job-variable": [lambda d: variable(d, "job").update(multi=False), lambda d: variable(d, "job").update(refresh=1),
                     lambda d: variable(d, "job").update(allValue=".*")],
    "instance-variable": [lambda d: d["templating"]["list"].remove(variable(d, "instance")),
                          lambda d: variable(d, "instance").update(includeAll=False)],
    "label-variables-parse": [lambda d: variable(d, "job")["query"].update(query="label_values(up{, job)"),
                              lambda d: variable(d, "job")["query"].update(query="up")],
    "panel-datasource": [lambda d: first(d).update(datasource={"type": "prometheus", "uid": "a1b2"}),
                         lambda d: first(d)["targets"][0].pop("datasource")],
    "title-and-description": [lambda d: first(d).update(title=""), lambda d: first(d).update(description="Contexts.")],
    "unit-known": [lambda d: first(d)["fieldConfig"]["defaults"].pop("unit"),
                   lambda d: first(d)["fieldConfig"]["defaults"].update(unit="furlongs")],
    "promql": [lambda d: ask(d, f"sum(ctxtrace_contexts_live{OF}"), lambda d: first(d).update(targets=[])],
    "rate-interval": [lambda d: ask(d, f"sum(rate(ctxtrace_events_total{OF}[5m]))"),
                      lambda d: ask(d, f"increase(ctxtrace_events_total{OF}[$__range])"),
                      lambda d: ask(d, f"rate(ctxtrace_events_total{OF}[$__rate_interval]) / irate(up{OF}[1m])")],
    "job-matcher": [lambda d: ask(d, 'ctxtrace_tasks_live{instance=~"$instance"}'),
                    lambda d: ask(d, 'ctxtrace_tasks_live{job="$job", instance=~"$instance"}'),
                    lambda d: ask(d, f'sum by (job) (ctxtrace_tasks_live{OF}) / up{{instance=~"$instance"}}')],
    "instance-matcher": [lambda d: ask(d, 'max_over_time(ctxtrace_tasks_live{job=~"$job"}[1h])')],
    "fixed-uid": [lambda d: d.update(uid=None), lambda d: d.update(uid="ctxtrace-agent"), lambda d: d.update(uid="Kx9")],
    "no-id": [lambda d: d.update(id=7)],
    "panel-ids": [lambda d: d["panels"][1].update(id=d["panels"][2]["id"]),
                  lambda d: first(d)["targets"].append(dict(first(d)["targets"][0]))],
    "tagged": [lambda d: d.update(tags=["go"])],
    "linked": [lambda d: d["links"].pop(), lambda d: d["links"][0].update(url="/d/gone"),
               lambda d: d["links"][0].update(keepTime=False),
               lambda d: first(d, "table")["fieldConfig"]["overrides"][-1]["properties"][0]["value"][0].update(
                   url="/d/gone?x")],
    "annotated": [lambda d: d["annotations"]["list"].pop(),
                  lambda d: d["annotations"]["list"][0].update(expr="changes(")],
    "thresholds-are-alerts": [
        lambda d: first(d, "stat")["fieldConfig"]["defaults"]["thresholds"]["steps"][1].update(value=5),
        lambda d: first(d, "stat").update(description="Leaks there are. Alert: CtxtraceNothing."),
        lambda d: first(d, "stat").update(description="Leaks there are, and no alert is named.")],
    "every-alert-is-drawn": [lambda d: [one.update(description=one.get("description", "").replace("FillsMemory", ""))
                                        for one in d["panels"]]],
    "grid": [lambda d: d["panels"][2]["gridPos"].update(d["panels"][1]["gridPos"]),
             lambda d: first(d)["gridPos"].update(x=20, w=8)],
    "metrics-exist": [lambda d: ask(d, f"ctxtrace_goroutines{OF}"),
                      lambda d: ask(d, 'ctxtrace_findings{job=~"$job", instance=~"$instance", pid="7"}')],
    "classic-schema": [lambda d: d.update(schemaVersion=42), lambda d: d.update(elements={}),
                       lambda d: d["panels"][1].update(spec={"kind": "Panel"})],
}
