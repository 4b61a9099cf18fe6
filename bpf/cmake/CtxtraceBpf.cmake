# SPDX-License-Identifier: Apache-2.0
#[[
ctxtrace_bpf(NAME SOURCE...)

Builds each SOURCE (NAME.bpf.c of the current directory) with clang for BPF, links the objects into one, and makes its
skeleton NAME.skel.h. Defines the interface target NAME_skeleton: whoever links it sees the header, as a system header
because it is generated.

CTXTRACE_CLANG and CTXTRACE_BPFTOOL choose the tools.
]]
find_program(CTXTRACE_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(CTXTRACE_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(CTXTRACE_BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(CTXTRACE_BPF_ARCH arm64)
else()
  message(FATAL_ERROR "ctxtrace knows no registers of ${CMAKE_SYSTEM_PROCESSOR}: add it to bpf/machine.bpf.h")
endif()

# asm/types.h of multiarch systems is where the host compiler finds it and clang's BPF target does not.
set(CTXTRACE_BPF_FLAGS -g -O2 -target bpf -mcpu=v3 -std=gnu17 -D__TARGET_ARCH_${CTXTRACE_BPF_ARCH}
  -Wall -Wextra -Wshadow -Wno-missing-field-initializers -I${PROJECT_SOURCE_DIR}/include)
if(CMAKE_LIBRARY_ARCHITECTURE)
  list(APPEND CTXTRACE_BPF_FLAGS -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
if(CTXTRACE_WERROR)
  list(APPEND CTXTRACE_BPF_FLAGS -Werror)
endif()

function(ctxtrace_bpf name)
  set(objects)
  foreach(source ${ARGN})
    string(REGEX REPLACE "\\.c$" ".o" object ${source})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${object})
    add_custom_command(OUTPUT ${object}
      COMMAND ${CTXTRACE_CLANG} ${CTXTRACE_BPF_FLAGS} -MD -MF ${object}.d -MT ${object}
        -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} DEPFILE ${object}.d
      COMMENT "BPF ${source}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.linked.o)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/skeleton/${name}.skel.h)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
  add_custom_command(OUTPUT ${linked} COMMAND ${CTXTRACE_BPFTOOL} gen object ${linked} ${objects}
    DEPENDS ${objects} COMMENT "BPF link ${name}" VERBATIM)
  add_custom_command(OUTPUT ${header}
    COMMAND sh -c "\"$0\" gen skeleton \"$1\" name \"$2\" > \"$3.new\" && mv \"$3.new\" \"$3\""
      ${CTXTRACE_BPFTOOL} ${linked} ${name}_bpf ${header}
    DEPENDS ${linked} COMMENT "BPF skeleton ${name}" VERBATIM)
  add_custom_target(${name}_bpf_objects DEPENDS ${header})
  add_library(${name}_skeleton INTERFACE)
  add_dependencies(${name}_skeleton ${name}_bpf_objects)
  target_include_directories(${name}_skeleton SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
endfunction()
