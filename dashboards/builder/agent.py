# SPDX-License-Identifier: Apache-2.0
"""ctxtrace's own health: can its verdicts be trusted, and what does it cost?"""
from builder.parts import Column, Dashboard, Series, Stat, Table

TRUST = [
    Stat("Answering",
         "1: every agent that Prometheus knows has answered its last scrape. An agent ends with the program it "
         "watches, so 0 is either a target that has gone and is still listed, or an agent that has.",
         "none", ["min(up{@})"], alert="CtxtraceAgentDown"),
    Stat("Lost events", "Events that the kernel could not hand over, since the attach. Contexts that lived across the "
                        "gap are at most suspected unless memory proves them. What to do: give the agent processor "
                        "time; it needs a core to itself only in bursts.",
         "short", ["sum(ctxtrace_events_dropped_total{@})"], alert="CtxtraceEventsLost"),
    Stat("Undecided",
         "Old contexts that wait for the garbage collector's word. Many for long: the program collects rarely or not "
         "at all (GOGC=off).", "short", ["sum(ctxtrace_undecided_contexts{@})"]),
    Stat("Processor", "Share of one processor that the busiest agent uses.",
         "percentunit",
         ["max(rate(ctxtrace_agent_cpu_seconds_total{@}[$__rate_interval]))"], alert="CtxtraceAgentBusy", decimals=1),
    Stat("Memory",
         "Resident memory of the largest agent. It holds a node for each live context, and what it knows of each site.",
         "bytes", ["max(ctxtrace_agent_resident_bytes{@})"], alert="CtxtraceAgentLarge"),
    Stat("Contexts held",
         "Share of --max-contexts (ctxtrace_contexts_max) in the fullest agent. Beyond it new ones are refused: they are "
         "not watched. What to do: look for the pile first, then raise the option.",
         "percentunit", ["max(sum without (kind) (ctxtrace_contexts_live{@}) / ctxtrace_contexts_max{@})"],
         alert="CtxtraceCapNear", decimals=1),
]

EVENTS = [
    Series("Events", "What arrives from the target: creations, ends, tasks. This is what an agent's cost goes with.",
           "cps", [("sum by (instance) (rate(ctxtrace_events_total{@}[$__rate_interval]))", "{{instance}}")]),
    Series("Lost events by cause",
           "ring_full: events came faster than the agent could read, because it got no processor time. config_missing: "
           "a probe of a process nobody watches, a fault of ours. read_cancel: memory of the target could not be read "
           "at a cancel. refused: contexts beyond --max-contexts.",
           "cps", [("sum by (cause) (rate(ctxtrace_events_dropped_total{@}[$__rate_interval]))", "{{cause}}"),
                   ("sum(rate(ctxtrace_contexts_refused_total{@}[$__rate_interval]))", "refused")]),
]

COST = [
    Series("Processor", "Share of one processor. Peaks are readings of the target's memory, the base is its events.",
           "percentunit", [("rate(ctxtrace_agent_cpu_seconds_total{@}[$__rate_interval])", "{{instance}}")],
           width=8, alert="CtxtraceAgentBusy"),
    Series("Processor time for an event",
           "What one event costs the agent, readings of memory included: those have a price of their "
           "own, so where events are rare each looks dear.",
           "s", [("sum by (instance) (rate(ctxtrace_agent_cpu_seconds_total{@}[$__rate_interval])) / "
                  "(sum by (instance) (rate(ctxtrace_events_total{@}[$__rate_interval])) > 0)", "{{instance}}")], width=8),
    Series("Memory", "Resident memory. It follows the live contexts and comes back with them.",
           "bytes", [("ctxtrace_agent_resident_bytes{@}", "{{instance}}")], width=8, alert="CtxtraceAgentLarge"),
]

SCRAPE = [
    Series("Scrape duration",
           "How long Prometheus waits for an answer. It grows with nothing that the target does: the number of "
           "series is bounded.",
           "s", [("scrape_duration_seconds{@}", "{{instance}}")], width=7),
    Series("Series of a scrape",
           "Samples in one answer. The bound is reached when 20 functions leak; more than that share one.",
           "short", [("scrape_samples_scraped{@}", "{{instance}}")], width=7),
    Table("Agents", "Who watches what, with which version. An agent that does not answer has but a 0.",
          "none",
          [Column("Watched", 'max by (instance, version, program, runtime_version) '
                             '(label_replace(ctxtrace_target_info{@}, "program", "$1", "exe", ".*/(.*)") * on (job, '
                             'instance) group_left (version) ctxtrace_build_info{@})',
                          "none", is_hidden=True),
                   Column("Answers", "min by (instance) (up{@})", "none", "CtxtraceAgentDown")],
          labels={"instance": "Instance",
          "version": "ctxtrace", "program": "Program", "runtime_version": "Version"}, width=10,
          links={"instance": ("This process", "/d/ctxtrace-process?var-instance=${__value.raw}&${__url_time_range}")}),
]

AGENT = Dashboard(
    "ctxtrace-agent", "ctxtrace's own health: can its verdicts be trusted, and what does it cost?",
    [("Can it be trusted", 4, TRUST), ("Events", 8, EVENTS), ("What it costs", 8, COST), ("Scrapes", 8, SCRAPE)])
