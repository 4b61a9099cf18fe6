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

/* Bytes of the character at `at`, and the columns it takes: a colour takes none, whatever is odd takes one. */
static size_t character(const char *at, size_t left, size_t *ret_columns)
{
	const char *end = *at == '\033' ? memchr(at, 'm', left) : NULL;
	size_t length = ct_utf8_length(at, left);

	*ret_columns = end ? 0 : 1;
	if (end)
		return (size_t)(end - at) + 1;
	return length ? length : 1;
}

bool ct_text_has_room(const struct ct_text *text, size_t columns)
{
	size_t left = current_column(text), width;

	for (const char *at = text->data + text->length - left; left;) {
		size_t bytes = character(at, left, &width);

		columns += width;
		at += bytes;
		left -= bytes;
	}
	return columns <= CT_COLUMNS;
}

/* Bytes of the line that stay in a row of `room` columns; all of them when they fit. */
static size_t row_length(const char *line, size_t length, size_t room)
{
	size_t indent = strspn(line, " "), at = 0, blank = 0, width;

	while (at < length) {
		size_t bytes = character(line + at, length - at, &width);

		if (width > room)
			return blank && line[at] != ' ' ? blank : at;
		if (line[at] == ' ' && at > indent)
			blank = at;
		room -= width;
		at += bytes;
	}
	return length;
}

static void fold_line(struct ct_text *text, const char *line, size_t length, size_t column)
{
	size_t row = row_length(line, length, CT_COLUMNS);

	ct_text_append(text, line, row);
	while (row < length) {
		line += row;
		length -= row;
		for (; length && *line == ' '; line++)
			length--;
		ct_text_addf(text, "\n%*s", (int)column, "");
		row = row_length(line, length, CT_COLUMNS - column);
		ct_text_append(text, line, row);
	}
}

void ct_text_fold(struct ct_text *text, size_t from, size_t column)
{
	struct ct_text folded = { 0 };

	if (text->failed || from == text->length)
		return;
	ct_text_append(&folded, text->data, from);
	for (const char *line = text->data + from; *line;) {
		size_t length = strcspn(line, "\n");

		fold_line(&folded, line, length, column);
		line += length;
		if (*line) {
			ct_text_add(&folded, "\n");
			line++;
		}
	}
	ct_text_done(text);
	*text = folded;
}
