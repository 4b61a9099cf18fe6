// SPDX-License-Identifier: Apache-2.0
/* The last word of the report for people. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** Add how many findings were suppressed, and that there are no leaks where that can be said. */
void ct_text_add_verdict(const struct ct_snapshot *snapshot, struct ct_text *text);
