# SPDX-License-Identifier: Apache-2.0
"""Many processes: which cluster, namespace, service leaks? It reads the series of rules.yaml, which are small."""
from builder.parts import Column, Dashboard, Series, Stat, Table

PLACE = "cluster, namespace, service"

NOW = [
    Stat("Processes watched", "Agents that answered their last scrape.", "short", ["sum(up{@})"]),
    Stat("Agents that answer", "1: all that Prometheus knows. Below: somewhere nobody watches.", "none", ["min(up{@})"],
         alert="CtxtraceAgentDown"),
    Stat("Confirmed leaks",
         "Places in the code that leak, over all processes; one bug in ten replicas counts ten times. The "
         "worst process decides about the colour.",
         "none", ["max(instance:ctxtrace_leak_findings:sum{@})"], alert="CtxtraceLeakFound"),
    Stat("Leaked memory", "Of all processes together, estimated.", "bytes", ["sum(instance:ctxtrace_leaked_bytes:sum{@})"]),
    Stat("Fastest leak", "Leaked contexts a minute, of the process in which they grow fastest.",
         "cpm", ["max(instance:ctxtrace_leaked_contexts:deriv30m{@}) * 60"], alert="CtxtraceLeakGrowing", decimals=1),
    Stat("Worst in 5 days", "Where a line through six hours of leaked memory arrives in five days, for the worst process.",
         "decbytes", ["max(instance:ctxtrace_leaked_bytes:predict5d{@})"], alert="CtxtraceLeakFillsMemory"),
]

WHERE = [
    Table("Services", "One line for each service, the worst first. Replicas run the same code, so they leak alike: one "
          "process of it, below, tells what there is to know.",
          "none", [
              Column("Processes", f"sum by ({PLACE}) (up{{@}})", "short"),
              Column("Leaks", f"max by ({PLACE}) (instance:ctxtrace_leak_findings:sum{{@}})", "short", "CtxtraceLeakFound"),
              Column("Leaked", f"sum by ({PLACE}) (instance:ctxtrace_leaked_contexts:sum{{@}})", "short"),
              Column("Memory", f"sum by ({PLACE}) (instance:ctxtrace_leaked_bytes:sum{{@}})", "bytes"),
              Column("A minute", f"max by ({PLACE}) (instance:ctxtrace_leaked_contexts:deriv30m{{@}}) * 60", "cpm",
                     "CtxtraceLeakGrowing", 1),
              Column("In 5 days", f"max by ({PLACE}) (instance:ctxtrace_leaked_bytes:predict5d{{@}})", "decbytes",
                     "CtxtraceLeakFillsMemory"),
              Column("By deadline", f"max by ({PLACE}) (instance:ctxtrace_contexts_ended_deadline:ratio_rate10m{{@}})",
                     "percentunit", "CtxtraceDeadlinesHit", 2),
              Column("Lost events", f"sum by ({PLACE}) (instance:ctxtrace_events_dropped:increase15m{{@}})", "short",
                     "CtxtraceEventsLost", 0),
          ], labels={"cluster": "Cluster", "namespace": "Namespace", "service": "Service"}, sort="A minute", width=24,
          links={"service": ("Only this service", "/d/ctxtrace-fleet?var-service=${__value.raw}&${__url_time_range}")}),
]

OVER_TIME = [
    Table("Worst processes", "The twenty that leak fastest. What to do: open the process.",
          "none", [
              Column("A minute", "topk(20, max by (namespace, service, instance) "
                     "(instance:ctxtrace_leaked_contexts:deriv30m{@}) * 60)", "cpm", "CtxtraceLeakGrowing", 1),
          ], labels={"namespace": "Namespace", "service": "Service", "instance": "Instance"}, sort="A minute", width=8,
          links={"instance": ("This process", "/d/ctxtrace-process?var-instance=${__value.raw}&${__url_time_range}")}),
    Series("Leaked memory, worst services", "The ten services that hold most. Replicas are added up.",
           "bytes",
           [(f"topk(10, sum by ({PLACE}) (instance:ctxtrace_leaked_bytes:sum{{@}}))",
              "{{cluster}}/{{namespace}}/{{service}}")],
           width=8),
    Series("Leak growth, worst services", "Leaked contexts a minute, of the fastest process of each service. A step on a "
           "deployment names the change.",
           "cpm", [(f"topk(10, max by ({PLACE}) (instance:ctxtrace_leaked_contexts:deriv30m{{@}}) * 60)",
                    "{{cluster}}/{{namespace}}/{{service}}")], width=8, alert="CtxtraceLeakGrowing"),
]

LOAD = [
    Series("Live contexts by cluster", "The size of what is watched.",
           "short",
           [("sum by (cluster) (instance:ctxtrace_contexts_live:sum{@})", "{{cluster}}")], width=8, is_stacked=True),
    Series("Created and ended", "Over the whole fleet the two lines lie on one another. A gap that stays is what grows.",
           "cps", [("sum(instance:ctxtrace_contexts_created:rate5m{@})", "created"),
                   ("sum(instance:ctxtrace_contexts_ended:rate5m{@})", "ended")], width=8),
    Table("Versions", "How many processes run which runtime under which ctxtrace: what a roll-out has reached.",
          "none",
          [Column("Processes", "count by (runtime, runtime_version, version) (ctxtrace_target_info{@} * on (job, instance) "
                          "group_left (version) ctxtrace_build_info{@})", "short")],
          labels={"runtime": "Runtime", "runtime_version": "Version", "version": "ctxtrace"}, sort="Processes", width=8),
]

FLEET = Dashboard(
    "ctxtrace-fleet", "Many processes by cluster, namespace and service. Needs the recording rules of rules.yaml.",
    [("Now", 4, NOW), ("Which service", 8, WHERE), ("Over time", 8, OVER_TIME), ("Size", 8, LOAD)],
    before=(("cluster", "Cluster"), ("namespace", "Namespace"), ("service", "Service")))
