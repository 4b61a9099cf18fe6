// SPDX-License-Identifier: Apache-2.0
/* Time inside ctxtrace is uint64_t nanoseconds of CLOCK_MONOTONIC; seconds appear only at the edges. */
#pragma once

#include <stdint.h>

#define CT_NSEC_PER_USEC UINT64_C(1000)
#define CT_NSEC_PER_MSEC UINT64_C(1000000)
#define CT_NSEC_PER_SEC UINT64_C(1000000000)
