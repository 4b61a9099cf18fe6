// SPDX-License-Identifier: Apache-2.0
/* Stands in for libbpf's <bpf/bpf_core_read.h>: kernel memory is the test's own. */
#pragma once

#define BPF_CORE_READ(source, first, second) ((source)->first->second)
