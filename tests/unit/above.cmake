# SPDX-License-Identifier: Apache-2.0
# What stands above the core: recordings, probe points, reports, the command line.
ctxtrace_unit(recording ctxtrace_probe)
ctxtrace_unit(probe_point ctxtrace_probe)
foreach(part report_text report_json suppress)
  ctxtrace_unit(${part} ctxtrace_report)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()

# The command line is the program's own; its files are compiled once more here.
ctxtrace_unit(cli ctxtrace_report ctxtrace_probe m)
target_sources(test_cli PRIVATE ${PROJECT_SOURCE_DIR}/user/cli.c
  ${PROJECT_SOURCE_DIR}/user/cli_help.c ${PROJECT_SOURCE_DIR}/user/cli_options.c ${PROJECT_SOURCE_DIR}/user/cli_values.c)

# The memory room against memory made by hand.
foreach(part memory_children memory_mark memory_heap memory_holders memory_verify)
  ctxtrace_unit(${part} ctxtrace_probe)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()
