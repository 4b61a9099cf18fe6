# SPDX-License-Identifier: Apache-2.0
# A golden case is a directory with stream.events; a new one needs nothing but itself. `golden_runner --update DIR`
# rewrites its expectations, and the diff is reviewed.
add_executable(golden_runner golden_runner.c golden_case.c golden_findings.c golden_stream.c)
target_link_libraries(golden_runner PRIVATE ctxtrace_report ctxtrace_warnings)

file(GLOB streams CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*/stream.events)
foreach(stream IN LISTS streams)
  cmake_path(GET stream PARENT_PATH directory)
  cmake_path(GET directory FILENAME case)
  add_test(NAME golden.${case} COMMAND golden_runner ${directory})
  set_tests_properties(golden.${case} PROPERTIES TIMEOUT 60 LABELS golden)
endforeach()
