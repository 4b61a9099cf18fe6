# SPDX-License-Identifier: Apache-2.0
"""One process: its contexts beside Go's own numbers, how long they live, who and what ends them."""
from builder.parts import Column, Dashboard, Heat, Series, Stat, Table, variable


def quantiles(metric):
    return [(f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{@}}[$__rate_interval])))", f"p{q * 100:.0f}")
            for q in (0.5, 0.9, 0.99)]


WHO = [
    Table("Who is watched",
          "The program, its runtime, and the ctxtrace that watches it. One ctxtrace watches one process, so an "
          "instance is a process.",
          "none",
          [Column("Watched",
                  'max by (instance, program, runtime, runtime_version, version) '
                  '(label_replace(ctxtrace_target_info{@}, "program", "$1", "exe", ".*/(.*)") * on (job, instance) '
                  'group_left (version) ctxtrace_build_info{@})',
                  "none", is_hidden=True)],
          labels={"instance": "Instance", "program": "Program", "runtime": "Runtime", "runtime_version": "Version",
                  "version": "ctxtrace"}, width=10),
    Stat("Confirmed leaks",
         "Places in the code that leak, proven by the program's own memory. Which they are stands in the "
         "findings below.", "none", ['sum(ctxtrace_findings{@, severity="leak"})'], alert="CtxtraceLeakFound", width=3),
    Stat("Live contexts",
         "All that have not ended, those from before the attach included.",
         "short", ["sum(ctxtrace_contexts_live{@})"], width=3),
    Stat("Goroutines",
         "Go's own count, from the program's /metrics. ctxtrace counts as tasks only those that it saw start or "
         "work, so this one is larger.",
         "short", ["sum(go_goroutines{@app})"], width=3),
    Stat("Requests", "Requests that are being served.", "short", ["sum(ctxtrace_requests_live{@})"], width=2),
    Stat("No deadline",
         "Handlers whose requests nothing will end, within ten minutes: older than --min-age, and no deadline on "
         "their path or below them. What to do: context.WithTimeout at the entry, or at the call that can hang.",
         "none", ['sum(max_over_time(ctxtrace_findings{@, kind="unbounded-request"}[10m]))'],
         alert="CtxtraceUnboundedRequests", width=3),
]

BESIDE = [
    Series("Contexts beside goroutines",
           "Most contexts live on some goroutine's stack, so the two curves have one shape. Contexts that rise alone "
           "are lost cancels: they need no goroutine, which is why goroutine counts and leak tests do not see them. "
           "Goroutines that rise with them are work that outlives its request.",
           "short", [("sum by (instance) (ctxtrace_contexts_live{@})", "{{instance}} contexts"),
                     ("go_goroutines{@app} and on (instance) ctxtrace_target_info{@}", "{{instance}} goroutines"),
                     ("sum by (instance) (ctxtrace_tasks_live{@})", "{{instance}} tasks seen")]),
    Table("Side by side",
          "The same now, for each process; programs that tell nothing of themselves (C, or no /metrics under the same "
          "instance) have empty cells. Contexts for each goroutine: some units are usual, hundreds are a pile. Of the "
          "heap: what share the leaked contexts have.",
          "none", [
              Column("Contexts", "sum by (instance) (ctxtrace_contexts_live{@})", "short"),
              Column("Goroutines",
                     "max by (instance) (go_goroutines{@app} and on (instance) ctxtrace_target_info{@})", "short"),
              Column("Contexts for each", "sum by (instance) (ctxtrace_contexts_live{@}) / on (instance) group_left () "
                     "max by (instance) (go_goroutines{@app})", "short", decimals=2),
              Column("Leaked, of the heap", "sum by (instance) (ctxtrace_leaked_bytes{@}) / on (instance) group_left () "
                     "max by (instance) (go_memstats_heap_inuse_bytes{@app})", "percentunit", decimals=2),
          ], labels={"instance": "Instance"}, sort="Contexts"),
]

ENDS = [
    Series("What ends contexts",
           "explicit: their own cancel function, as it should be. parent: cancelled from above. deadline: "
           "time was up. freed: nobody ended them, and the collector took them.",
           "cps", [("sum by (reason) (rate(ctxtrace_contexts_ended_total{@}[$__rate_interval]))", "{{reason}}")],
           width=8, is_stacked=True),
    Series("Ended by deadline",
           "The share of contexts whose time ran out, over ten minutes. Something below is slower than its caller is "
           "ready to wait. A latency that got better together with this one only means that nobody waits any more.",
           "percentunit",
           [('sum by (instance) (rate(ctxtrace_contexts_ended_total{@, reason="deadline"}[$__rate_interval])) / (sum '
             'by (instance) (rate(ctxtrace_contexts_ended_total{@}[$__rate_interval])) > 0)', "{{instance}}")],
           width=8, alert="CtxtraceDeadlinesHit"),
    Heat("Deadline used",
         "How much of their deadline was over when contexts ended: 1 is all of it. Bulk at the bottom: the "
         "deadline is far too long to be of help. Bulk just below 1: the next slow day turns it into errors.",
         "percentunit",
         [("sum by (le) (increase(ctxtrace_deadline_used_ratio_bucket{@}[$__rate_interval]))", "{{le}}")], width=8),
]

LIFETIMES = [
    Heat("Lifetimes",
         "How long contexts lived that ended. A second band far above the first is work that waits for its deadline.",
         "s",
         [("sum by (le) (increase(ctxtrace_context_lifetime_seconds_bucket{@}[$__rate_interval]))", "{{le}}")], width=8),
    Series("Lifetime by reason (p99)",
           "The longest lifetimes, by what ended them. parent far above explicit: contexts that were "
           "left to their parent, which is a lost cancel if the parent lives long.",
           "s", [("histogram_quantile(0.99, sum by (le, reason) (rate(ctxtrace_context_lifetime_seconds_bucket{@}"
                  "[$__rate_interval])))", "{{reason}}")], width=8),
    Series("Cancel latency", "From the end of a context until the task that was started with it has ended as well. A few "
           "milliseconds: it waits for Done. Seconds: a loop or a call that does not look at its context.",
           "s", quantiles("ctxtrace_cancel_latency_seconds"), width=8, alert="CtxtraceCancelSlow"),
]

LEAKS = [
    Table("Findings",
          "What ctxtrace had to say of this process within ten minutes: work and requests come and go. docs/runbook.md "
          "has a section for each kind. Where it is in the code: the agent's /report, or `ctxtrace -p PID`.",
          "none",
          [Column("Findings", "sum by (kind, severity, instance) (max_over_time(ctxtrace_findings{@}[10m])) > 0", "short")],
          labels={"severity": "Severity", "kind": "Kind", "instance": "Instance"}, sort="Findings", width=8),
    Series("Work that nobody waits for",
           "Findings of work that goes on after its context was cancelled, or after its request has "
           "ended. It holds what it holds, and its result is thrown away.",
           "none",
           [('sum by (kind) (max_over_time(ctxtrace_findings{@, kind=~"ignored-cancel|outlives-request"}[10m]))',
             "{{kind}}")],
           width=8, alert="CtxtraceCancelIgnored"),
    Series("Leaked contexts by function", "Where they were made. At most 20 functions have a line of their own.",
           "short", [("sum by (function) (ctxtrace_leaked_contexts{@})", "{{function}}")], width=8, is_stacked=True),
]

PROCESS = Dashboard(
    "ctxtrace-process",
    "One process: contexts beside Go's own goroutines, lifetimes, cancel latency, deadlines, what ends them.",
    [("Who", 5, WHO), ("Contexts and goroutines", 8, BESIDE), ("Who ends them", 8, ENDS), ("How long", 8, LIFETIMES),
     ("What is wrong", 8, LEAKS)],
    after=(variable("app_job", "Program's own job", 'label_values(go_goroutines{instance=~"$instance"}, job)'),))
