// SPDX-License-Identifier: Apache-2.0
/* In place of pprof.c, where protobuf-c was not found or not wanted (CMake: CTXTRACE_PPROF). */
#include "ctxtrace/report.h"

const struct ct_reporter ct_reporter_pprof = {
	.name = "pprof",
	.describe = "a profile for go tool pprof",
	.missing = "it was built without protobuf-c; install libprotobuf-c-dev and protobuf-c-compiler, build again",
};
