// SPDX-License-Identifier: Apache-2.0
#include "report/paragraph.h"

#include <string.h>

static size_t current_column(const struct ct_text *text)
{
	size_t at = text->length;

	while (at && text->data[at - 1] != '\n')
		at--;
	return text->length - at;
}

void ct_text_pad(struct ct_text *text, size_t column)
{
	for (size_t at = current_column(text); at < column && !text->failed; at++)
		ct_text_append(text, " ", 1);
}

void ct_text_add_paragraph(struct ct_text *text, size_t indent, size_t column, const char *label, const char *words)
{
	size_t used;

	ct_text_addf(text, "%*s%s", (int)indent, "", label);
	ct_text_pad(text, column);
	used = column;
	while (*words && !text->failed) {
		size_t length = strcspn(words, " ");

		if (used > column && used + 1 + length > CT_COLUMNS) {
			ct_text_add(text, "\n");
			ct_text_pad(text, column);
			used = column;
		} else if (used > column) {
			ct_text_add(text, " ");
			used++;
		}
		ct_text_append(text, words, length);
		used += length;
		words += length + (words[length] == ' ');
	}
	ct_text_add(text, "\n");
}

void ct_text_add_short(struct ct_text *text, const char *name, size_t columns)
{
	struct ct_text whole = { 0 };
	size_t kept = columns > 3 ? (columns - 3) / 2 : 0;
	size_t tail;

	ct_text_add_escaped(&whole, name, 4096);
	if (whole.failed || whole.length <= columns) {
		ct_text_append(text, whole.data ? whole.data : "", whole.length);
	} else {
		tail = whole.length - kept;
		while (kept && ((unsigned char)whole.data[kept] & 0xc0) == 0x80) // not inside a character
			kept--;
		while (tail < whole.length && ((unsigned char)whole.data[tail] & 0xc0) == 0x80)
			tail++;
		ct_text_append(text, whole.data, kept);
		ct_text_add(text, "...");
		ct_text_append(text, whole.data + tail, whole.length - tail);
	}
	text->failed |= whole.failed;
	ct_text_done(&whole);
}
