// SPDX-License-Identifier: Apache-2.0
/* Stands in for libbpf's <bpf/bpf_core_read.h>: kernel memory is the test's own. */
#pragma once

#define SHIM_CORE_CHOOSE(one, two, name, ...)  name
#define SHIM_CORE_ONE(source, first)	       ((source)->first)
#define SHIM_CORE_TWO(source, first, second)   ((source)->first->second)
#define BPF_CORE_READ(source, ...)	       SHIM_CORE_CHOOSE(__VA_ARGS__, SHIM_CORE_TWO, SHIM_CORE_ONE)(source, __VA_ARGS__)
