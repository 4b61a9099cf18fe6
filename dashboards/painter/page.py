# SPDX-License-Identifier: Apache-2.0
"""One dashboard as a page of HTML: its grid, each panel with what its queries answered."""
import html
import time

from painter import chart, table
from painter.data import panels, variables

WIDTH, CELL, GAP = 1080, 24, 6
HEAD, FOOT, TITLE = 54, 30, 28
STYLE = """
body { margin: 0; position: relative; background: #111217; color: #ccccdc;
  font: 12px Inter, "DejaVu Sans", Arial, sans-serif }
svg { font-family: inherit; display: block }
table { border-collapse: collapse; width: 100%; font-size: 12px }
th { text-align: left; color: #8ab8ff; font-weight: 500 }
th, td { padding: 4px 9px; border-bottom: 1px solid #2a2c33; white-space: nowrap }
.panel { position: absolute; background: #181b1f; border: 1px solid #2a2c33; border-radius: 3px; box-sizing: border-box;
  overflow: hidden }
.title { font-weight: 500; font-size: 13px; padding: 6px 10px; height: 16px; white-space: nowrap }
.row { position: absolute; font-size: 14px; font-weight: 500; padding: 4px 2px }
.head { position: absolute; top: 12px; left: 12px; font-size: 19px }
.chosen { font-size: 12px; color: #9a9ba6; margin-left: 16px }
.foot { position: absolute; left: 12px; color: #9a9ba6 }
"""
DRAW = {"timeseries": chart.lines, "heatmap": chart.heat, "stat": chart.number}


def marks(dashboard, source):
    """Where an annotation begins, and its colour."""
    found = []
    for one in dashboard["annotations"]["list"]:
        for _, points in source.range(dashboard, one["expr"]):
            starts = [at for i, (at, _) in enumerate(points) if not i or at - points[i - 1][0] > 2 * source.step]
            found += [(at, one["iconColor"]) for at in starts]
    return found


def place(position):
    column = (WIDTH - GAP) / 24
    left, top = GAP + position["x"] * column, HEAD + position["y"] * (CELL + GAP)
    return left, top, position["w"] * column - GAP, position["h"] * (CELL + GAP) - GAP


def draw_panel(dashboard, panel, source, found_marks):
    answers = source.panel(dashboard, panel)
    left, top, width, height = place(panel["gridPos"])
    if panel["type"] == "table":
        body = table.draw(panel, answers, source.end, height - TITLE)
    else:
        body = DRAW[panel["type"]](panel, answers, source, found_marks, int(width) - 2, int(height) - TITLE - 2)
    return (f'<div class="panel" style="left:{left:.0f}px;top:{top:.0f}px;width:{width:.0f}px;height:{height:.0f}px">'
            f'<div class="title">{html.escape(panel["title"])}</div>{body}</div>'), sum(map(len, answers))


def draw(dashboard, source):
    """(HTML, {title of a panel: how many series it got})"""
    found_marks, parts, counts = marks(dashboard, source), [], {}
    for panel in panels(dashboard):
        part, counts[panel["title"]] = draw_panel(dashboard, panel, source, found_marks)
        parts.append(part)
    for row in (one for one in dashboard["panels"] if one["type"] == "row"):
        left, top, _, _ = place(row["gridPos"])
        parts.append(f'<div class="row" style="left:{left:.0f}px;top:{top:.0f}px">⌄ {html.escape(row["title"])}</div>')
    bottom = max(sum(place(one["gridPos"])[1::2]) for one in dashboard["panels"]) + 10
    chosen = "".join(f'<span class="chosen">{one["label"]}: All</span>' for one in variables(dashboard))
    span = f"{source.seconds / 60:.0f} minutes until {time.strftime('%H:%M:%S UTC', time.gmtime(source.end))}"
    title, uid = html.escape(dashboard["title"]), html.escape(dashboard["uid"])
    return (f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
            f'<body style="width:{WIDTH}px;height:{bottom + FOOT:.0f}px"><div class="head">{title}{chosen}'
            f'<span class="chosen">{span}</span></div>{"".join(parts)}<div class="foot" style="top:{bottom:.0f}px">'
            f'Drawn by dashboards/paint.py from what a Prometheus answered to the queries of {uid}.json; not Grafana.</div>'
            "</body>"), counts
