# SPDX-License-Identifier: Apache-2.0
# Rooms of the core: base, event, tree, detect. No privilege, no target, no clock.
foreach(part base event_decode event_text slab index_map tree_life tree_doubt tree_scans tree_losses tree_size tree_chains tree_requests tree_tasks tree_why census_groups
    out_of_memory detect detect_rules detect_losses)
  ctxtrace_unit(${part} ctxtrace_core)
  target_include_directories(test_${part} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
endforeach()
target_link_libraries(test_tree_size PRIVATE Threads::Threads)
