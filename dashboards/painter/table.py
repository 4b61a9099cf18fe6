# SPDX-License-Identifier: Apache-2.0
"""Tables: the rows of several queries joined on the labels they share, as Grafana's transformations say."""
import html

from painter import units
from painter.chart import COLOURS, colour_of


def joined(answers, fields):
    """A row of one query takes the values of every other that says nothing else of the labels both have."""
    rows = []
    for field, answer in zip(fields, answers):
        for labels, value in answer:
            found = [row for row in rows if field not in row and
                     all(row[key] == one for key, one in labels.items() if key in row)]
            for row in found:
                row.update({**labels, field: value})
            if not found:
                rows.append({**labels, field: value})
    return rows


def organized(panel):
    return next(one["options"] for one in panel["transformations"] if one["id"] == "organize")


def overrides(panel):
    return {group["matcher"]["options"]: {one["id"]: one["value"] for one in group["properties"]}
            for group in panel["fieldConfig"]["overrides"]}


def columns_of(panel):
    """[(field, heading)] that are shown, in their order."""
    options = organized(panel)
    order = sorted(options["indexByName"], key=options["indexByName"].get)
    return [(field, options["renameByName"].get(field, field)) for field in order if field not in options["excludeByName"]]


def rows_of(panel, answers):
    several = len(panel["targets"]) > 1
    fields = [f"Value #{target['refId']}" if several else "Value" for target in panel["targets"]]
    rows = joined(answers, fields)
    headings = {heading: field for field, heading in columns_of(panel)}
    for sort in panel["options"].get("sortBy", []):
        field = headings[sort["displayName"]]
        rows.sort(key=lambda row: row.get(field, float("-inf")), reverse=sort.get("desc", False))
    return rows


def draw(panel, answers, now, height):
    special, columns = overrides(panel), columns_of(panel)
    lines = []
    for row in rows_of(panel, answers)[:max(1, (height - 26) // 24)]:
        lines.append("".join(_cell(row.get(field), special.get(heading, {}), now) for field, heading in columns))
    head = "".join(f"<th>{html.escape(heading)}</th>" for _, heading in columns)
    return f'<table><tr>{head}</tr>{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _cell(value, special, now):
    if value is None:
        return "<td></td>"
    if isinstance(value, str):
        colour = COLOURS["blue"] if "links" in special else COLOURS["text"]
        return f'<td style="color:{colour}">{html.escape(value)}</td>'
    colour = colour_of(value, special["thresholds"]) if "thresholds" in special else COLOURS["text"]
    said = units.text(value, special.get("unit"), special.get("decimals"), now)
    return f'<td style="color:{colour}">{html.escape(said)}</td>'
