# SPDX-License-Identifier: Apache-2.0
"""What leaks, since when, how fast, where?"""
from builder.parts import Column, Dashboard, Heat, Series, Stat, Table

LEAKS_NOW = [
    Stat("Confirmed leaks", "Places in the code that leak: findings of severity leak that the program's own memory proves. "
         "0 is a promise only while nothing is undecided and no events are lost (the two numbers on the right). "
         "What to do: the table below names the functions.",
         "none", ["sum(ctxtrace_findings{@, severity=\"leak\"})"], alert="CtxtraceLeakFound"),
    Stat("Leaked contexts",
         "Live contexts that nobody can cancel any more: no cancel function for them is left. Each is kept "
         "by its parent or its timer until that ends.",
         "short", ["sum(ctxtrace_leaked_contexts{@})"], width=3),
    Stat("Leaked memory",
         "What these contexts and their timers occupy, estimated from the sizes of Go's own structures. Values "
         "and closures that they refer to come on top, so the truth is larger.",
         "bytes", ["sum(ctxtrace_leaked_bytes{@})"], width=3),
    Stat("Growth",
         "Leaked contexts a minute: the slope of a line through the last half hour, of the fastest process. A leak "
         "that stands still was a burst; one that grows ends in a restart.",
         "cpm", ["max(sum without (function) (deriv(ctxtrace_leaked_contexts{@}[30m]))) * 60"],
         alert="CtxtraceLeakGrowing", decimals=1),
    Stat("In 5 days at this rate", "Where a line through the last six hours of leaked memory arrives in five days, for "
                                   "the process that leaks most. It is a straight line: traffic by day and night needs "
                                   "a whole day before it is any good.",
         "decbytes", ["max(sum without (function) (predict_linear(ctxtrace_leaked_bytes{@}[6h], 5 * 86400)))"],
         alert="CtxtraceLeakFillsMemory"),
    Stat("Undecided",
         "Old contexts that look lost while the proof is not in yet: the program's garbage collector has not run "
         "since. They are no findings. What to do: wait for the next collection (two minutes at most once the first "
         "has run), or ask at once with `ctxtrace census --stop`.",
         "short", ["sum(ctxtrace_undecided_contexts{@})"], width=3),
    Stat("Lost events",
         "Events that the kernel could not hand over, since the attach. With any, a verdict that memory does not "
         "prove is only suspected. What to do: see the agent's dashboard.",
         "short", ["sum(ctxtrace_events_dropped_total{@})"], alert="CtxtraceEventsLost", width=3),
]

WHERE = [
    Table("Leaking functions",
          "One line for each function that makes contexts which are lost, the largest first. Since when: when it "
          "leaked first within the time that is shown. What to do: open the function and call the cancel function that "
          "it gets, on every path (`defer cancel()`); the agent's /report has the whole call path. At most 20 "
          "functions of a process have a line of their own, the others share the one called other.",
          "none", [
              Column("Contexts", 'sum by (function, instance) (ctxtrace_leaked_contexts{@} > 0)', "short"),
              Column("Memory", 'sum by (function, instance) (ctxtrace_leaked_bytes{@}) and on (function, instance) '
                     'ctxtrace_leaked_contexts{@} > 0', "bytes"),
              Column("A minute", 'sum by (function, instance) (deriv(ctxtrace_leaked_contexts{@}[30m])) * 60 '
                     'and on (function, instance) ctxtrace_leaked_contexts{@} > 0', "cpm", "CtxtraceLeakGrowing", 1),
              Column("Since",
                     '1000 * min by (function, instance) (min_over_time((timestamp(ctxtrace_leaked_contexts{@} > 0))'
                     '[$__range:$__interval]))', "dateTimeFromNow"),
          ], labels={"function": "Function", "instance": "Instance"}, sort="Contexts", width=14,
          links={"instance": ("This process", "/d/ctxtrace-process?var-instance=${__value.raw}&${__url_time_range}")}),
    Table("Findings",
          "All findings of the last ten minutes, by kind. leak: memory, a timer or work is really kept. warning: wrong, "
          "but it ends by itself. hint: worth a look. docs/runbook.md has a section for each kind: what it means, how to "
          "convince yourself, how to mend it.",
          "none", [Column("Findings", "sum by (kind, severity) (max_over_time(ctxtrace_findings{@}[10m])) > 0", "short"),
                   Column("Suspected", "sum by (kind, severity) (max_over_time(ctxtrace_findings_suspected{@}[10m])) and "
                          "sum by (kind, severity) (max_over_time(ctxtrace_findings{@}[10m]) + "
                          "max_over_time(ctxtrace_findings_suspected{@}[10m])) > 0", "short")],
          labels={"severity": "Severity", "kind": "Kind"}, sort="Findings", width=10),
]

HOW_FAST = [
    Series("Leaked contexts by function",
           "Straight lines upwards are leaks for each request. Steps are bursts: compare them with "
           "deployments and with the marks for attach and restart, at which counting begins anew.",
           "short", [("sum by (function) (ctxtrace_leaked_contexts{@})", "{{function}}")], is_stacked=True),
    Series("Leaked memory by function",
           "The same in bytes. A function with few contexts may lead here: one with a timer is twice "
           "as large, one with a goroutine of its own twenty times.",
           "bytes", [("sum by (function) (ctxtrace_leaked_bytes{@})", "{{function}}")], is_stacked=True),
]

LIFE = [
    Series("Live contexts by kind",
           "Everything that has not ended, right or wrong. A server under steady load draws a flat band. One that "
           "rises with no finding beside it is held on purpose, undecided, or older than --min-age allows to judge.",
           "short", [("sum by (kind) (ctxtrace_contexts_live{@}) > 0", "{{kind}}")], width=8, is_stacked=True),
    Series("Created and ended",
           "The two lines should lie on one another. A gap between them that stays is the rate at which live "
           "contexts grow.",
           "cps", [("sum(rate(ctxtrace_contexts_created_total{@}[$__rate_interval]))", "created"),
                   ("sum(rate(ctxtrace_contexts_ended_total{@}[$__rate_interval]))", "ended")], width=8),
    Heat("Lifetimes",
         "How long contexts lived that ended. A band that moves up is work that takes longer; a second band far above "
         "the first is work that waits for its deadline.",
         "s",
         [("sum by (le) (increase(ctxtrace_context_lifetime_seconds_bucket{@}[$__rate_interval]))", "{{le}}")], width=8),
]

OVERVIEW = Dashboard(
    "ctxtrace-overview", "What leaks, since when, how fast, where: cancellation contexts that ctxtrace watches.",
    [("What leaks now", 4, LEAKS_NOW), ("Where, and since when", 9, WHERE), ("How fast", 8, HOW_FAST),
     ("The contexts of these processes", 8, LIFE)])
