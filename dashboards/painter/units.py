# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them, by the names that Grafana has for units."""
import math


def _scaled(value, factor, names, digits):
    size = 0
    while abs(value) >= factor and size + 1 < len(names):
        value, size = value / factor, size + 1
    return _number(value, digits) + (" " + names[size] if names[size] else "")


def _number(value, digits=None):
    if digits is None:
        digits = 0 if value == round(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text and digits > 1 else text


def _seconds(value, digits):
    if not value:
        return "0 s"
    for limit, factor, name in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (60, 1, "s"), (3600, 1 / 60, "min"),
                                (math.inf, 1 / 3600, "h")):
        if abs(value) < limit:
            return _number(value * factor, digits) + " " + name
    return f"{value} s"


def _ago(value, now):
    seconds = max(0, now - value / 1000)
    for limit, factor, name in ((90, 1, "seconds"), (5400, 60, "minutes"), (129600, 3600, "hours"),
                                (math.inf, 86400, "days")):
        if seconds < limit:
            return f"{seconds / factor:.0f} {name} ago"
    return ""


def text(value, unit, digits=None, now=0):
    if unit == "percentunit":
        return _number(value * 100, digits) + "%"
    if unit == "bytes":
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"), digits)
    if unit == "decbytes":
        return _scaled(value, 1000, ("B", "kB", "MB", "GB", "TB", "PB"), digits)
    if unit == "s":
        return _seconds(value, digits)
    if unit == "dateTimeFromNow":
        return _ago(value, now)
    if unit == "short":
        return _scaled(value, 1000, ("", "K", "Mil", "Bil"), digits)
    suffix = {"cps": " c/s", "cpm": " c/m"}.get(unit, "")
    return _number(value, digits) + suffix
