# SPDX-License-Identifier: Apache-2.0
"""A net/http server under load: silent when correct, three planted leaks found when not, in every build and version."""
import functools
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, main, need_bpf, note
from e2e_go import DEFAULT, SOURCES, VERSIONS, build, minor
from e2e_process import Agent, Target
from e2e_report import marked_line

STRIPPED = ("-trimpath", "-ldflags=-s -w")
WITHOUT_SYMBOLS = ("-ldflags=-s -w",)  # links anew, compiles nothing anew
# Mark, kind, function, who retains it, first release that can do it.
PLANTED = (
    ("subscribe", "lost-cancel", "main.(*server).subscribeUpdates", "parent", 17),
    ("lookup", "leaked-timer", "main.(*server).lookupSupplier", "timer", 17),
    ("shutdown", "unstopped-after-func", "main.(*server).closeAtShutdown", "parent", 21),
)
MARKED = {"subscribe": "leaks.go", "lookup": "leaks.go", "shutdown": "newer.go"}


def watch_correct(seconds, rate, version=DEFAULT, flags=()):
    need_bpf()
    with Target([build("./go_server", version, flags), "-rate", rate]) as server:
        with Agent("-d", f"{seconds}s", pid=server.pid) as agent:
            report = agent.finish(seconds=seconds + 60)
        truth = server.end()
    report.expect_complete()
    report.expect_no_leak()
    report.expect_nothing_confirmed()
    note(f"{truth['requests']} requests, {report['contexts']['created']} contexts in {seconds} s")
    check(truth["errors"] == 0, f"the server failed {truth['errors']} times")
    # How many a busy machine manages is no matter of right or wrong; that each is seen is. A request makes 11 contexts or
    # more, and some were served before the attach.
    check(truth["requests"] > seconds * 50, f"only {truth['requests']} requests in {seconds} s: nothing was shown")
    # three of them need 1.21
    report.expect(report["contexts"]["created"] > (9 if minor(version) >= 21 else 6) * truth["requests"], "contexts of the requests are missing")


@case("correct")
def correct():
    watch_correct(20, 2000)


@case("adopted")
def adopted():
    """
    A busy server had hundreds of contexts at the attach. In the end those live that really do: the server's life and one
    for each connection, and at most one more for each where the client's transport still holds the context of its dial.
    """
    need_bpf()
    workers = 16
    with Target([build("./go_server"), "-rate", 1000, "-workers", workers]) as server:
        with Agent("-d", "10s", pid=server.pid) as agent:
            report = agent.finish()
        server.end()
    report.expect_complete()
    report.expect_nothing_confirmed()
    live = next(site["live"] for site in report["sites"] if not site["frames"])
    note(f"{report['quality']['adopted']} adopted, {report['quality']['unmatched']} of them at their end; {live} live on")
    report.expect(workers + 1 <= live <= 2 * workers + 1, f"{live} adopted ones live, of {workers} connections")


@case("soak_correct")
def soak_correct():
    if os.environ.get("CTXTRACE_SOAK") != "1":
        raise Skip("a soak of two minutes; CTXTRACE_SOAK=1 runs it")
    watch_correct(120, 3000)


def find_planted(version, flags=(), env=None):
    need_bpf()
    with Target([build("./go_server", version, flags), "-rate", 1000, "-leak"]) as server:
        with Agent("-d", "8s", "--min-age", "2s", pid=server.pid, env=env) as agent:
            report = agent.finish()
        truth = server.end()
    report.expect_complete()
    planted = [leak for leak in PLANTED if minor(version) >= leak[-1]]
    for mark, kind, function, retained, _ in planted:
        finding = report.expect_finding(kind, function, *marked_line(SOURCES / "go_server" / MARKED[mark], mark))
        report.expect(retained in finding["retained_by"], f"{kind}: retained by {finding['retained_by']}")
        report.expect(100 <= finding["count"] <= truth["leaks"][mark],
                      f"{kind}: count {finding['count']} against {truth['leaks'][mark]} planted")
        # What leaked before the attach has no site: it counts to the same truth.
        told = sum(f["count"] for f in report["findings"] if f["kind"] == kind)
        report.expect(told <= truth["leaks"][mark], f"{kind}: {told} told of {truth['leaks'][mark]} planted")
    known = [f for f in report.leaks() if not f["site"]["unknown"]]
    report.expect(len(known) == len(planted), "something correct was called a leak")
    kinds = {leak[1] for leak in planted}
    report.expect({f["kind"] for f in report["findings"]} <= kinds, "something nobody planted was found")
    report.expect(report["target"]["runtime"] == "go", "runtime is not go")
    report.expect(version in report["target"]["runtime_version"], f"version is not {version}")
    report.expect(report["target"]["stripped"] == ("-s" in " ".join(flags)), "stripped is wrong")


@case("leaks_plain")
def leaks_plain():
    find_planted(DEFAULT)


@case("leaks_stripped")
def leaks_stripped():
    find_planted(DEFAULT, STRIPPED)


@case("leaks_pie")
def leaks_pie():
    find_planted(DEFAULT, ("-buildmode=pie",))


@case("leaks_pie_stripped")
def leaks_pie_stripped():
    find_planted(DEFAULT, ("-buildmode=pie", *STRIPPED))


for series in ("1.17", "1.20", "1.21", "1.23", "1.25", "1.27"):
    case(f"leaks_go{series}")(functools.partial(find_planted, VERSIONS[series]))


@case("correct_go1.17_stripped")
def correct_go1_17_stripped():
    watch_correct(10, 1000, VERSIONS["1.17"], STRIPPED)


@case("leaks_go1.18_pie_stripped")
def leaks_go1_18_pie_stripped():
    find_planted(VERSIONS["1.18"], ("-buildmode=pie", *STRIPPED))


@case("leaks_go1.19_stripped")
def leaks_go1_19_stripped():
    find_planted(VERSIONS["1.19"], STRIPPED)


@case("leaks_go1.22_stripped")
def leaks_go1_22_stripped():
    find_planted(VERSIONS["1.22"], WITHOUT_SYMBOLS)


@case("leaks_go1.24_stripped")
def leaks_go1_24_stripped():
    find_planted(VERSIONS["1.24"], WITHOUT_SYMBOLS)


@case("leaks_go1.21_stripped")
def leaks_go1_21_stripped():
    find_planted(VERSIONS["1.21"], STRIPPED)


@case("leaks_go1.27_pie_stripped")
def leaks_go1_27_pie_stripped():
    find_planted(VERSIONS["1.27"], ("-buildmode=pie", *STRIPPED))


@case("leaks_perf_links")
def leaks_perf_links():
    """What kernels before 6.6 get."""
    find_planted(DEFAULT, env={"CTXTRACE_FORCE_PERF": "1"})


if __name__ == "__main__":
    main()
