// SPDX-License-Identifier: Apache-2.0
/* The report for people: what the baseline knows. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** Add how many findings the baseline knows, and which of its entries were not seen; nothing without a baseline. */
void ct_text_add_baseline(const struct ct_snapshot *snapshot, struct ct_text *text);
