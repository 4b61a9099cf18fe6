// SPDX-License-Identifier: Apache-2.0
/* Why deadlines fired: who asked for them, and what used their time. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** Add the paragraph "why the 121 deadlines"; nothing when none fired. */
void ct_text_add_deadlines(const struct ct_snapshot *snapshot, struct ct_text *text);
