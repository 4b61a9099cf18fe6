# SPDX-License-Identifier: Apache-2.0
"""
The parts that our dashboards are put together from: panels, tables, variables, links, each with what every dashboard of
ours has. In queries `{@` stands for the matchers of the dashboard's variables: `ctxtrace_findings{@, severity="leak"}`.
A panel that names an alert is drawn with that alert's threshold: the number stands in alerts.yaml and nowhere else.
"""
import dataclasses
import pathlib

import promql_parser
import yaml
from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model

ALERTS = pathlib.Path(__file__).resolve().parent.parent / "alerts.yaml"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
MATCHERS = 'job=~"$job", instance=~"$instance"'
# A Go program's own metrics come from another job, under the same instance.
APP_MATCHERS = 'job=~"$app_job", instance=~"$instance"'
GREEN, RED, GREY = "green", "red", "text"
TAG = "ctxtrace"
DASHBOARDS = {"ctxtrace-overview": "Overview", "ctxtrace-process": "Process", "ctxtrace-agent": "Agent",
              "ctxtrace-fleet": "Fleet"}


def alert_condition(name):
    """(operator, number) of an alert: the first comparison of its expression."""
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    expression = promql_parser.parse(next(rule["expr"] for rule in rules if rule["alert"] == name))
    while not isinstance(expression.rhs, promql_parser.NumberLiteral):
        expression = expression.lhs
    return str(expression.op), expression.rhs.val


def thresholds(alert):
    """Red where the alert is; without an alert no colour means anything."""
    steps = [model.Threshold(None, GREY)]
    if alert:
        operator, number = alert_condition(alert)
        below, above = (GREEN, RED) if operator == ">=" else (RED, GREEN)
        steps = [model.Threshold(None, below), model.Threshold(number, above)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def describe(text, alerts):
    named = [alert for alert in alerts if alert]
    return text + (f" Alert: {', '.join(named)}." if named else "")


@dataclasses.dataclass
class Query:
    expr: str
    legend: str = ""

    def build(self, ref, form, matchers, is_instant=False):
        expr = self.expr.replace("{@app", "{" + APP_MATCHERS).replace("{@", "{" + matchers)
        target = prometheus.Dataquery().expr(expr).ref_id(ref).format(form).datasource(SOURCE)
        target = target.legend_format(self.legend or "__auto")
        if is_instant:
            return target.instant()
        return target.range().exemplar("_bucket" in self.expr and form == prometheus_model.PromQueryFormat.TIME_SERIES)


def _queries(queries):
    return [Query(*([query] if isinstance(query, str) else query)) for query in queries]


@dataclasses.dataclass
class Panel:
    """One panel of any type: where it stands is the grid's business, what it matches the dashboard's."""
    title: str
    text: str
    unit: str
    queries: list
    width: int = 12
    alert: str = ""

    form = prometheus_model.PromQueryFormat.TIME_SERIES
    is_instant = False

    def start(self):
        raise NotImplementedError

    def alerts(self):
        return [self.alert]

    def build(self, place, number, matchers):
        panel = self.start().id(number).title(self.title).description(describe(self.text, self.alerts()))
        panel = panel.datasource(SOURCE).grid_pos(place).unit(self.unit)
        for i, query in enumerate(_queries(self.queries)):
            panel = panel.with_target(query.build(chr(ord("A") + i), self.form, matchers, self.is_instant))
        return panel


@dataclasses.dataclass
class Stat(Panel):
    """One number, and how it came to be."""
    width: int = 4
    decimals: int = None

    def start(self):
        panel = (stat.Panel().thresholds(thresholds(self.alert)).graph_mode(models.BigValueGraphMode.AREA)
                 .color_mode(models.BigValueColorMode.VALUE).text_mode(models.BigValueTextMode.VALUE)
                 .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
                 .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)))
        return panel if self.decimals is None else panel.decimals(self.decimals)


@dataclasses.dataclass
class Series(Panel):
    """Lines over time; stacked ones are areas that add up."""
    is_stacked: bool = False

    def start(self):
        fill = 30 if self.is_stacked else 8
        mode = models.StackingMode.NORMAL if self.is_stacked else models.StackingMode.NONE
        panel = (timeseries.Panel().thresholds(thresholds(self.alert)).fill_opacity(fill).line_width(1).axis_soft_min(0)
                 .show_points(models.VisibilityMode.NEVER).stacking(common.StackingConfig().group("A").mode(mode))
                 .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
                 .tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI)
                          .sort(models.SortOrder.DESCENDING))
                 .legend(common.VizLegendOptions().show_legend(True).display_mode(models.LegendDisplayMode.LIST)
                         .placement(models.LegendPlacement.BOTTOM)))
        if self.alert:
            panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(models.GraphTresholdsStyleMode.DASHED))
        return panel


@dataclasses.dataclass
class Heat(Panel):
    """A histogram over time: where the bulk is, and the few that are far from it."""
    form = prometheus_model.PromQueryFormat.HEATMAP

    def start(self):
        colours = (heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME).scheme("Oranges")
                   .fill("dark-orange").scale(heatmap_model.HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64))
        return (heatmap.Panel().calculate(False).color(colours).cell_gap(1).show_legend().show_tooltip()
                .y_axis(heatmap.YAxisConfig().unit(self.unit).axis_placement(models.AxisPlacement.LEFT))
                .filter_values(heatmap.FilterValueRange().le(1e-9))
                .rows_frame(heatmap.RowsHeatmapOptions().layout(models.HeatmapCellLayout.AUTO)))


@dataclasses.dataclass
class Column:
    """One query of a table: one value for each row."""
    name: str
    expr: str
    unit: str
    alert: str = ""
    decimals: int = None
    is_hidden: bool = False  # what its labels say is all; the value is no news


@dataclasses.dataclass
class Table(Panel):
    """Rows are the labels that the queries share; a row that one query lacks has an empty cell (a left join)."""
    labels: dict = dataclasses.field(default_factory=dict)  # label -> heading, in this order
    links: dict = dataclasses.field(default_factory=dict)   # label -> (title, address)
    sort: str = ""

    form = prometheus_model.PromQueryFormat.TABLE
    is_instant = True

    def __post_init__(self):
        self.columns, self.queries = self.queries, [column.expr for column in self.queries]

    def alerts(self):
        return [column.alert for column in self.columns]

    def start(self):
        panel = table.Panel().thresholds(thresholds("")).show_header(True)
        if self.sort:
            panel = panel.sort_by([common.TableSortByFieldState().display_name(self.sort).desc(True)])
        names = {column.name: f"Value #{chr(ord('A') + i)}" if len(self.columns) > 1 else "Value"
                 for i, column in enumerate(self.columns)}
        order = [*self.labels, *names.values()]
        hidden = ["Time", *(names[column.name] for column in self.columns if column.is_hidden)]
        panel = panel.with_transformation(model.DataTransformerConfig("merge", options={}))
        panel = panel.with_transformation(model.DataTransformerConfig("organize", options={
            "excludeByName": {name: True for name in hidden},
            "indexByName": {name: i for i, name in enumerate(order)},
            "renameByName": {**self.labels, **{field: name for name, field in names.items()}}}))
        for column in (one for one in self.columns if not one.is_hidden):
            panel = panel.override_by_name(column.name, _cell(column))
        for label, (title, address) in self.links.items():
            panel = panel.override_by_name(self.labels[label], [
                model.DynamicConfigValue("links", [{"title": title, "url": address}])])
        return panel


def _cell(column):
    properties = [model.DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        properties.append(model.DynamicConfigValue("decimals", column.decimals))
    if column.alert:
        properties += [model.DynamicConfigValue("thresholds", thresholds(column.alert).build()),
                       model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})]
    return properties


def variable(name, label, query):
    """
    Of a label, any number of values, all at first. All jobs are those of the list: every other job has an `up`, too. For
    the others all is everything, series without the label included.
    """
    made = (dashboard.QueryVariable(name).label(label).query({"query": query, "refId": name}).datasource(SOURCE)
            .multi(True).include_all(True).refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .current(model.VariableOption(selected=True, text=["All"], value=["$__all"])))
    return made if name.endswith("job") else made.all_value(".*")


def annotations():
    """When ctxtrace came, and when it or what it watches began anew: what jumps then is no leak."""
    def made(name, colour, expr):
        return (dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expr))
    of = "{" + MATCHERS + "}"
    return [made("Attached", "blue", f"ctxtrace_build_info{of} unless ctxtrace_build_info{of} offset 1m"),
            made("Restarted", "orange", f"resets(ctxtrace_events_total{of}[1m]) > 0")]


def _link(uid, title):
    return (dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"/d/{uid}").icon("dashboard")
            .tooltip(f"ctxtrace: {title}").include_vars(True).keep_time(True))


@dataclasses.dataclass
class Dashboard:
    """Rows of panels, each row as high as it says and full at a width of 24."""
    uid: str
    text: str
    rows: list  # (title, height, [panels])
    before: tuple = ()  # variables that narrow the list of jobs: (name, label)
    after: tuple = ()   # variables of what runs at the chosen instances

    def build(self):
        made = (dashboard.Dashboard(f"ctxtrace / {DASHBOARDS[self.uid]}").uid(self.uid).description(self.text).tags([TAG])
                .editable().tooltip(model.DashboardCursorSync.CROSSHAIR).time("now-3h", "now").refresh("1m")
                .timezone("browser").annotations(annotations()))
        for one in self._variables():
            made = made.with_variable(one)
        for uid, title in DASHBOARDS.items():
            made = made if uid == self.uid else made.link(_link(uid, title))
        number, top = 1, 0
        for title, height, panels in self.rows:
            made = made.with_row(dashboard.Row(title).id(number).grid_pos(model.GridPos(x=0, y=top, w=24, h=1)))
            number, left, top = number + 1, 0, top + 1
            for panel in panels:
                if left + panel.width > 24:
                    left, top = 0, top + height
                place = model.GridPos(x=left, y=top, w=panel.width, h=height)
                made = made.with_panel(panel.build(place, number, self.matchers()))
                number, left = number + 1, left + panel.width
            top += height
        return made.build()

    def matchers(self):
        return ", ".join([f'{name}=~"${name}"' for name, _ in self.before] + [MATCHERS])

    def _variables(self):
        """Each one's list is narrowed by those before it."""
        made = [dashboard.DatasourceVariable("datasource").label("Data Source").type("prometheus")]
        narrowed = []
        for name, label in (*self.before, ("job", "Job"), ("instance", "Instance")):
            of = "{" + ", ".join(narrowed) + "}" if narrowed else ""
            made.append(variable(name, label, f"label_values(ctxtrace_build_info{of}, {name})"))
            narrowed.append(f'{name}=~"${name}"')
        return [*made, *self.after]
