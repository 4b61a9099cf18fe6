// SPDX-License-Identifier: Apache-2.0
/* Findings as the golden cases state them: one block each, everything the detectors decide and nothing a report adds. */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"

/** Add all findings, then what is undecided, or "no findings". */
void golden_add_findings(struct ct_text *text, const struct ct_tree *tree, const struct ct_findings *findings);
