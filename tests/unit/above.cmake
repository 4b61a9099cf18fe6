# SPDX-License-Identifier: Apache-2.0
# What stands above the core: recordings, probe points, reports, the command line.
ctxtrace_unit(recording ctxtrace_probe)
ctxtrace_unit(probe_point ctxtrace_probe)
ctxtrace_unit(request_sites ctxtrace_probe)
foreach(part report_text report_json report_tree metrics suppress)
  ctxtrace_unit(${part} ctxtrace_report)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()

target_compile_definitions(test_metrics PRIVATE METRICS_PAGE="${PROJECT_SOURCE_DIR}/docs/metrics.md")

# What clients of --metrics ask for; needs no library.
ctxtrace_unit(http ctxtrace_probe)
target_sources(test_http PRIVATE ${PROJECT_SOURCE_DIR}/user/agent/http_accept.c
  ${PROJECT_SOURCE_DIR}/user/agent/http_address.c ${PROJECT_SOURCE_DIR}/user/agent/http_body.c)

ctxtrace_unit(http_none ctxtrace_core)
target_sources(test_http_none PRIVATE ${PROJECT_SOURCE_DIR}/user/agent/http_none.c)

# The command line is the program's own; its files are compiled once more here.
ctxtrace_unit(cli ctxtrace_report ctxtrace_probe m)
target_sources(test_cli PRIVATE ${PROJECT_SOURCE_DIR}/user/cli.c
  ${PROJECT_SOURCE_DIR}/user/cli_help.c ${PROJECT_SOURCE_DIR}/user/cli_options.c ${PROJECT_SOURCE_DIR}/user/cli_values.c)

# The memory room against memory made by hand.
foreach(part memory_children memory_mark memory_heap memory_holders memory_verify span_feed)
  ctxtrace_unit(${part} ctxtrace_probe)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()

# What the agent keeps while it reads memory.
ctxtrace_unit(ended_list ctxtrace_core)
target_sources(test_ended_list PRIVATE ${PROJECT_SOURCE_DIR}/user/agent/ended_list.c)

# What a person sees while it works: the program's own as well.
ctxtrace_unit(status_line ctxtrace_report)
target_sources(test_status_line PRIVATE ${PROJECT_SOURCE_DIR}/user/agent/status_line.c)
