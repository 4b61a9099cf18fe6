# SPDX-License-Identifier: Apache-2.0
"""A Go program that knows exactly what it made: the report must say the same."""
import functools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf
from e2e_go import DEFAULT, VERSIONS, build
from e2e_process import Agent, Target


def counted(version, flags=(), env=None, options=()):
    need_bpf()
    with Target([build("./go_counts", version, flags), *options]) as target:
        with Agent(pid=target.pid, env=env) as agent:
            target.tell("go")
            report = agent.stop()
        truth = target.end()
    check(truth["exact"], "the target is not sure of its counts")
    report.expect_complete()
    report.expect_counts(truth)
    report.expect(report["contexts"]["live"] == truth["live"], f"live is not {truth['live']}")
    report.expect(report["quality"]["unmatched"] == 0, "ends of contexts that were never made")
    report.expect_no_leak()
    kinds = {}
    for site in report["sites"]:
        kinds[site["kind"]] = kinds.get(site["kind"], 0) + site["created"]
    report.expect({k: n for k, n in kinds.items() if k in truth["kinds"]} == truth["kinds"],
                  f"kinds by site {kinds} are not {truth['kinds']}")


for series, release in VERSIONS.items():
    case(f"go{series}")(functools.partial(counted, release))


@case("pie_stripped")
def pie_stripped():
    counted(DEFAULT, ("-buildmode=pie", "-trimpath", "-ldflags=-s -w"))


@case("perf_links")
def perf_links():
    counted(DEFAULT, env={"CTXTRACE_FORCE_PERF": "1"})


@case("busy")
def busy():
    """A million events on eight goroutines, as fast as it goes; the ring has room for all of them."""
    counted(DEFAULT, env={"CTXTRACE_RING_BYTES": str(128 << 20)}, options=("-rounds", 400, "-workers", 8))


if __name__ == "__main__":
    main()
