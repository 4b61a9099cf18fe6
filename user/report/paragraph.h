// SPDX-License-Identifier: Apache-2.0
/* Lines of a text report: nothing wraps by accident at 100 columns, names are cut in their middle. */
#pragma once

#include "base/text.h"

/** Columns of a text report. */
#define CT_COLUMNS 100

/**
 * Add a labelled paragraph: "  label     words words", continued below the first word.
 *
 * @param indent  Spaces before the label.
 * @param column  Where the words begin.
 */
void ct_text_add_paragraph(struct ct_text *text, size_t indent, size_t column, const char *label, const char *words);

/**
 * Add a part of the current line, or of a new one when it does not fit any more.
 *
 * @param indent  Spaces before it on a new line, where leading spaces of its own are left out.
 */
void ct_text_add_part(struct ct_text *text, size_t indent, const char *part);

/** Add a name escaped and cut in its middle to at most `columns` characters, as "begin...end". */
void ct_text_add_short(struct ct_text *text, const char *name, size_t columns);

/** Add spaces until the current line has `column` characters. */
void ct_text_pad(struct ct_text *text, size_t column);

/**
 * Break what is longer than CT_COLUMNS, from byte `from` on: at the last blank that fits, a longer word anywhere.
 *
 * @param column  Where a broken line goes on.
 */
void ct_text_fold(struct ct_text *text, size_t from, size_t column);
