// SPDX-License-Identifier: Apache-2.0
/* What memory explains, in both formats: who holds cancel functions, what goroutines do. Sections nobody asked for are left out. */
#pragma once

#include "ctxtrace/explain.h"
#include "ctxtrace/report.h"
#include "report/json_writer.h"

/**
 * The frame to name a stack by: the innermost of the program's own, else the outermost, which says whose it is.
 * @return false without frames.
 */
bool ct_site_main_frame(const struct ct_snapshot *snapshot, uint32_t site, struct ct_frame *ret);

/** `holders` and `goroutines`. @return 0 or -ENOMEM. */
int ct_json_explain(struct ct_json *json, const struct ct_snapshot *snapshot);

/** The sections of the text report. A watched window tells of goroutines only those that wait for what is lost. */
int ct_text_add_explain(const struct ct_snapshot *snapshot, struct ct_text *text);

/** "  held by   ..." for the contexts of one site and kind, where it is known. */
void ct_text_add_held(const struct ct_snapshot *snapshot, struct ct_text *text, uint32_t site, uint8_t kind);

/** The groups of goroutines, those that wait for a lost context first, then the largest. To be freed. */
const struct ct_goroutine_group **ct_goroutine_order(const struct ct_snapshot *snapshot, size_t *ret_count);
