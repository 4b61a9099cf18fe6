#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Draws dashboards from what a Prometheus answers to their queries: paint.py URL DIRECTORY [SECONDS]. It writes a page of HTML
for each dashboard; painter/shot.mjs makes a picture of a page. A look at the data where there is no Grafana, not a Grafana.
"""
import json
import pathlib
import sys

from painter.data import Source
from painter.page import draw

HERE = pathlib.Path(__file__).resolve().parent


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: paint.py URL DIRECTORY [SECONDS]")
    source = Source(sys.argv[1].rstrip("/"), int(sys.argv[3]) if len(sys.argv) == 4 else 300)
    for path in sorted(HERE.glob("*.json")):
        page, counts = draw(json.loads(path.read_text(encoding="utf-8")), source)
        (pathlib.Path(sys.argv[2]) / f"{path.stem}.html").write_text(page, encoding="utf-8")
        empty = [title for title, count in counts.items() if not count]
        print(f"{path.stem}: {len(counts)} panels" + (f", without data: {', '.join(empty)}" if empty else ""))


if __name__ == "__main__":
    main()
