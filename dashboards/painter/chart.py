# SPDX-License-Identifier: Apache-2.0
"""Lines, areas, heat and big numbers, drawn as SVG from the points that Prometheus answered."""
import html
import math
import time

from painter import units

PALETTE = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffb357", "#96d98d", "#ff7383")
COLOURS = {"green": "#73bf69", "red": "#f2495c", "text": "#ccccdc", "blue": "#5794f2", "orange": "#ff9830"}
DIM, GRIDLINE = "#9a9ba6", "#2a2c33"
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 8, 20
LEGEND = 34  # two lines


def words(x, y, said, anchor="start", colour=DIM, size=11):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
            f"{html.escape(said)}</text>")


def colour_of(value, thresholds):
    steps = thresholds["steps"]
    chosen = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLOURS[chosen[-1]]


def legend_of(target, labels):
    form = target.get("legendFormat") or "__auto"
    if form == "__auto":
        return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__") or "value"
    for key in ("function", "kind", "reason", "instance", "le", "cause", "cluster", "namespace", "service"):
        form = form.replace("{{" + key + "}}", labels.get(key, ""))
    return form


def nice_ticks(low, high, unit, count=4):
    """Round numbers between the two."""
    if high <= low:
        high = low + 1
    if unit == "bytes" and high >= 1024:
        scale = 1024 ** int(math.log(high, 1024))
        return [tick * scale for tick in nice_ticks(low / scale, high / scale, "", count)]
    rough = (high - low) / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if rough <= factor * size * 1.0001)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


class Area:
    """Where time and values are on a panel."""

    def __init__(self, source, width, height, low, high):
        self.begin, self.span = source.end - source.seconds, source.seconds
        self.left, self.right = LEFT, width - RIGHT
        self.top, self.bottom = TOP, height - BOTTOM - LEGEND
        self.low, self.high = low, high

    def x(self, at):
        return self.left + (at - self.begin) / self.span * (self.right - self.left)

    def y(self, value):
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def frame(self, unit):
        drawn = []
        for tick in nice_ticks(self.low, self.high, unit):
            y = self.y(tick)
            drawn.append(f'<line x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRIDLINE}"/>')
            drawn.append(words(self.left - 6, y + 4, units.text(tick, unit), "end"))
        return drawn + self.times()

    def times(self):
        drawn, step = [], next(one for one in (15, 30, 60, 120, 300, 600, 1800, 3600, 10800) if self.span / one <= 7)
        at = math.ceil(self.begin / step) * step
        while at <= self.begin + self.span:
            form = "%H:%M" if step >= 60 else "%H:%M:%S"
            drawn.append(words(self.x(at), self.bottom + 15, time.strftime(form, time.gmtime(at)), "middle"))
            at += step
        return drawn

    def marks(self, found):
        """Annotations: (time, colour)."""
        return [f'<line x1="{self.x(at):.1f}" x2="{self.x(at):.1f}" y1="{self.top}" y2="{self.bottom}" '
                f'stroke="{COLOURS[colour]}" stroke-dasharray="3 3"/>' for at, colour in found]


def svg(width, height, drawn):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>')


def legend(named, width, height):
    """Two lines of names, as many as there is room for."""
    drawn, x, y = [], 10, height - 22
    for i, (name, colour) in enumerate(named):
        name = name if len(name) <= 40 else name[:18] + "…" + name[-21:]
        room = 24 + 6.4 * len(name)
        is_last_line = y == height - 6
        if x + room > width and not is_last_line:
            x, y, is_last_line = 10, height - 6, True
        if is_last_line and x + room > width - 30 and i + 1 < len(named):
            return drawn + [words(x, y, f"+{len(named) - i}")]
        drawn.append(f'<rect x="{x:.0f}" y="{y - 6}" width="12" height="3" fill="{colour}"/>')
        drawn.append(words(x + 17, y, name, colour=COLOURS["text"]))
        x += room
    return drawn


def stacked(named):
    """Each line on top of those before it."""
    times = sorted({at for _, points in named for at, _ in points})
    ground, result = {at: 0 for at in times}, []
    for name, points in named:
        values = dict(points)
        top = {at: ground[at] + values.get(at, 0) for at in times}
        result.append((name, [(at, ground[at], top[at]) for at in times]))
        ground = top
    return result


def lines(panel, answers, source, found_marks, width, height):
    custom, defaults = panel["fieldConfig"]["defaults"]["custom"], panel["fieldConfig"]["defaults"]
    named = sorted((legend_of(target, labels), points) for target, answer in zip(panel["targets"], answers)
                   for labels, points in answer)
    if not named:
        return no_data(width, height)
    bands = stacked(named) if custom["stacking"]["mode"] == "normal" else [
        (name, [(at, 0, value) for at, value in points]) for name, points in named]
    values = [value for _, points in bands for _, _, value in points]
    limits = [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    high = max(values)
    high = max([high, *(limit for limit in limits if limit <= 4 * high)])
    area = Area(source, width, height, min(0, *values), high * 1.05 or 1)
    drawn = area.frame(defaults["unit"])
    for i, (_, points) in enumerate(bands):
        drawn += band(area, points, PALETTE[i % len(PALETTE)], custom["fillOpacity"] / 100)
    for limit in limits:
        if limit <= area.high:
            drawn.append(f'<line x1="{area.left}" x2="{area.right}" y1="{area.y(limit):.1f}" y2="{area.y(limit):.1f}" '
                         f'stroke="{COLOURS["red"]}" stroke-dasharray="6 4"/>')
    drawn += area.marks(found_marks)
    drawn += legend([(name, PALETTE[i % len(PALETTE)]) for i, (name, _) in enumerate(bands)], width, height)
    return svg(width, height, drawn)


def band(area, points, colour, opacity):
    """A line, filled down to the one below it or to zero."""
    upper = [f"{area.x(at):.1f},{area.y(value):.1f}" for at, _, value in points]
    lower = [f"{area.x(at):.1f},{area.y(ground):.1f}" for at, ground, _ in reversed(points)]
    if len(points) == 1:
        at, _, value = points[0]
        return [f'<circle cx="{area.x(at):.1f}" cy="{area.y(value):.1f}" r="2" fill="{colour}"/>']
    return [f'<polygon points="{" ".join(upper + lower)}" fill="{colour}" fill-opacity="{opacity}" '
            f'shape-rendering="crispEdges"/>',
            f'<polyline points="{" ".join(upper)}" fill="none" stroke="{colour}" stroke-width="1.3"/>']


def buckets(answer):
    """Cumulative ones, told apart; those between the lowest and the highest that anything is in."""
    cumulated = sorted((float(labels["le"]), dict(points)) for labels, points in answer)
    rows, below = [], {}
    for bound, points in cumulated:
        rows.append((bound, {at: max(0, value - below.get(at, 0)) for at, value in points.items()}))
        below = points
    used = [i for i, (_, points) in enumerate(rows) if max(points.values(), default=0) > 0]
    return rows[max(0, min(used) - 1):max(used) + 2] if used else rows


def no_data(width, height):
    return svg(width, height, [words(width / 2, height / 2, "No data", "middle", size=18)])


def heat(panel, answers, source, found_marks, width, height):
    rows = buckets(answers[0])
    if not rows:
        return no_data(width, height)
    area = Area(source, width, height, 0, len(rows))
    most = max((value for _, points in rows for value in points.values()), default=1) or 1
    cells, columns = {}, min(60, source.seconds // source.step)
    for row, (_, points) in enumerate(rows):
        for at, value in points.items():
            column = int((at - area.begin) / area.span * columns)
            cells[column, row] = max(value, cells.get((column, row), 0))
    wide, tall = (area.right - area.left) / columns, (area.bottom - area.top) / len(rows)
    drawn = area.times()
    for row, (bound, _) in enumerate(rows):
        if tall < 10 and row % 2:
            continue
        name = "more" if math.isinf(bound) else units.text(bound, panel["fieldConfig"]["defaults"]["unit"])
        drawn.append(words(area.left - 6, area.bottom - row * tall - tall / 2 + 4, name, "end"))
    for (column, row), value in cells.items():
        if value > 0 and 0 <= column < columns:
            drawn.append(f'<rect x="{area.left + column * wide:.1f}" y="{area.bottom - (row + 1) * tall + 0.5:.1f}" '
                         f'width="{wide + 0.5:.1f}" height="{tall - 1:.1f}" fill="{COLOURS["orange"]}" '
                         f'fill-opacity="{math.ceil(8 * math.sqrt(value / most)) / 8}" shape-rendering="crispEdges"/>')
    drawn += area.marks(found_marks)
    drawn += legend([(f"most in one cell: {units.text(most, 'short')}", COLOURS["orange"])], width, height)
    return svg(width, height, drawn)


def number(panel, answers, source, found_marks, width, height):
    """The last value, large, over the line that led to it."""
    del found_marks
    defaults = panel["fieldConfig"]["defaults"]
    points = next((points for answer in answers for _, points in answer), [])
    if not points:
        return no_data(width, height)
    value = points[-1][1]
    colour = colour_of(value, defaults["thresholds"])
    low, high = min(0, *(one for _, one in points)), max(one for _, one in points)
    area = Area(source, width, height, low, high if high > low else low + 1)
    area.left, area.right, area.top, area.bottom = 0, width, height * 0.62, height - 2
    drawn = band(area, [(at, low, one) for at, one in points], colour, 0.15)
    said = units.text(value, defaults["unit"], defaults.get("decimals"))
    size = min(34, int(1.55 * width / max(4, len(said))))
    return svg(width, height, drawn + [words(width / 2, height * 0.48, said, "middle", colour, size)])
