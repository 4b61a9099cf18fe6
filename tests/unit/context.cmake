# SPDX-License-Identifier: Apache-2.0
# The C context library. The frame pointer flags make the tests walkable, as programs that use the library are to be.
foreach(part context context_counts context_threads context_probes)
  ctxtrace_unit(${part} ctxtrace-context ctxtrace_walkable Threads::Threads ${CMAKE_DL_LIBS})
endforeach()

ctxtrace_unit(context_demo PkgConfig::JANSSON)
target_compile_definitions(test_context_demo PRIVATE CTXDEMO="$<TARGET_FILE:ctxdemo>")
add_dependencies(test_context_demo ctxdemo)

# Once more under ThreadSanitizer, in every build: its own copy of the library, so it meets no other sanitizer.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_FLAGS -fsanitize=thread)
check_c_source_compiles("int main(void) { return 0; }" CTXTRACE_HAS_TSAN)
unset(CMAKE_REQUIRED_FLAGS)
find_program(CTXTRACE_SETARCH setarch)
if(CTXTRACE_HAS_TSAN)
  get_target_property(context_sources ctxtrace-context SOURCES)
  get_target_property(context_dir ctxtrace-context SOURCE_DIR)
  list(TRANSFORM context_sources PREPEND ${context_dir}/)
  add_executable(test_context_tsan test_context_threads.c ${context_sources})
  target_compile_definitions(test_context_tsan PRIVATE _GNU_SOURCE)
  target_compile_options(test_context_tsan PRIVATE -g -O1 -fsanitize=thread)
  target_link_options(test_context_tsan PRIVATE -fsanitize=thread)
  target_include_directories(test_context_tsan PRIVATE ${PROJECT_SOURCE_DIR}/include ${context_dir})
  target_link_libraries(test_context_tsan PRIVATE PkgConfig::CMOCKA Threads::Threads)
  # Its memory map and a random one with many bits do not fit together: no randomisation for this one process.
  if(CTXTRACE_SETARCH)
    set(context_plain_map ${CTXTRACE_SETARCH} -R)
  endif()
  add_test(NAME unit.context_tsan COMMAND ${context_plain_map} $<TARGET_FILE:test_context_tsan>)
  set_tests_properties(unit.context_tsan PROPERTIES TIMEOUT 900 LABELS unit)
else()
  message(STATUS "unit.context_tsan: not built, this compiler has no -fsanitize=thread")
endif()

# The census of the library: the only place where its code and the agent's are in one program.
ctxtrace_unit(c_library ctxtrace-context ctxtrace_walkable ctxtrace_probe Threads::Threads)
target_include_directories(test_c_library PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
