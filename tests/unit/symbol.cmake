# SPDX-License-Identifier: Apache-2.0
# The symbol room. test_symbol reads itself: lines need -g whatever the build type, and its build id is known.
ctxtrace_unit(symbol ctxtrace_probe)
target_compile_options(test_symbol PRIVATE -g)
target_link_options(test_symbol PRIVATE -Wl,--build-id=0x0123456789abcdef)
ctxtrace_unit(symbol_go ctxtrace_probe)
ctxtrace_unit(symbol_sample ctxtrace_probe)
target_sources(test_symbol_sample PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/go_sample.c)
target_include_directories(test_symbol_sample PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
ctxtrace_unit(symbol_elf ctxtrace_probe)
target_sources(test_symbol_elf PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/elf_sample.c
  ${CMAKE_CURRENT_SOURCE_DIR}/../support/go_sample.c)
target_include_directories(test_symbol_elf PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
ctxtrace_unit(symbol_hostile ctxtrace_probe)
target_sources(test_symbol_hostile PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/go_sample.c)
target_include_directories(test_symbol_hostile PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support)
