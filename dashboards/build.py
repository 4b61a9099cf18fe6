#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Writes the dashboards: build.py [DIRECTORY]. Needs what tests/readers/requirements.txt pins.
The files are what Grafana imports; builder/ is what people change.
"""
import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from builder.agent import AGENT
from builder.fleet import FLEET
from builder.overview import OVERVIEW
from builder.process import PROCESS

HERE = pathlib.Path(__file__).resolve().parent


def main():
    place = pathlib.Path(sys.argv[1]) if sys.argv[1:] else HERE
    for one in (OVERVIEW, PROCESS, AGENT, FLEET):
        text = json.dumps(one.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        (place / f"{one.uid}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
