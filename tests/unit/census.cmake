# SPDX-License-Identifier: Apache-2.0
# The memory room, and the tool that prints one reading of a process.
add_executable(census_tool ${CMAKE_CURRENT_SOURCE_DIR}/../support/census_tool.c)
target_link_libraries(census_tool PRIVATE ctxtrace_probe)
ctxtrace_unit(memory_facts ctxtrace_probe)
ctxtrace_unit(memory_present ctxtrace_probe)
ctxtrace_unit(memory_image ctxtrace_probe)
target_include_directories(test_memory_image PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
foreach(part memory_census memory_words)
  ctxtrace_unit(${part} ctxtrace_probe)
  target_sources(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/go_heap.c)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()

# The layout tables against what compilers say.
add_executable(layout_tool ${CMAKE_CURRENT_SOURCE_DIR}/../support/layout_tool.c)
target_link_libraries(layout_tool PRIVATE ctxtrace_probe)

# Wrong layouts, on a live program.
add_executable(shift_tool ${CMAKE_CURRENT_SOURCE_DIR}/../support/shift_tool.c)
target_link_libraries(shift_tool PRIVATE ctxtrace_probe)
