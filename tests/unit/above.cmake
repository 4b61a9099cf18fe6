# SPDX-License-Identifier: Apache-2.0
# What stands above the core: recordings.
ctxtrace_unit(recording ctxtrace_probe)
foreach(part report_text report_json suppress)
  ctxtrace_unit(${part} ctxtrace_report)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()
