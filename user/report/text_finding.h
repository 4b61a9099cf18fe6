// SPDX-License-Identifier: Apache-2.0
/* One finding in the report for people, and the parts that other sections are made of, too. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

#define CT_LABEL_INDENT 2
#define CT_LABEL_COLUMN 12

#define CT_TEXT_BOLD "\033[1m"
#define CT_TEXT_RED "\033[1;31m"
#define CT_TEXT_YELLOW "\033[1;33m"
#define CT_TEXT_PLAIN "\033[0m"

/** Add a finding: headline, where it was made, where it is now, evidence, advice. */
void ct_text_add_finding(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text);

/** Add the rest of a line: "main.(*Client).Call    client.go:41". */
void ct_text_add_frame(struct ct_text *text, const struct ct_frame *frame);

/** Add the first frames of a site below each other, the label in front of the first; NULL: says that nobody saw it. */
void ct_text_add_frames(struct ct_text *text, const char *label, const struct ct_site *site, int most);

/** Add one frame, and end the line: "    main.(*Client).Call    client.go:41". */
void ct_text_add_frame(struct ct_text *text, const struct ct_frame *frame);

/** @return the site, NULL for the one nobody saw. */
const struct ct_site *ct_text_site(const struct ct_snapshot *snapshot, uint32_t index);

/** Add a colour where the report has any. */
void ct_text_add_colour(const struct ct_snapshot *snapshot, struct ct_text *text, const char *code);

/** Move a part to the current line, or to the next where it does not fit. */
void ct_text_move_part(struct ct_text *text, size_t indent, struct ct_text *part);
