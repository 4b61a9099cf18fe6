// SPDX-License-Identifier: Apache-2.0
#include "report/paragraph.h"

#include <string.h>

/* Characters of a line: no continuation bytes of UTF-8, and no colours, whose escapes take no room. */
static size_t columns_of(const char *line, size_t length)
{
	size_t columns = 0;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\033')
			i += strcspn(line + i, "m");
		else
			columns += ((unsigned char)line[i] & 0xc0) != 0x80;
	}
	return columns;
}

static size_t current_column(const struct ct_text *text)
{
	size_t at = text->length;

	while (at && text->data[at - 1] != '\n')
		at--;
	return at < text->length ? columns_of(text->data + at, text->length - at) : 0;
}

static void new_line(struct ct_text *text, size_t column)
{
	ct_text_add(text, "\n");
	ct_text_pad(text, column);
}

void ct_text_pad(struct ct_text *text, size_t column)
{
	for (size_t at = current_column(text); at < column && !text->failed; at++)
		ct_text_append(text, " ", 1);
}

void ct_text_add_part(struct ct_text *text, size_t indent, const char *part)
{
	size_t at = current_column(text);

	if (at > indent && at + columns_of(part, strlen(part)) > CT_COLUMNS) {
		new_line(text, indent);
		part += strspn(part, " ");
	}
	ct_text_add(text, part);
}

/* A word longer than a line is broken wherever the line ends. */
static void add_long_word(struct ct_text *text, size_t column, const char *word, size_t length)
{
	while (length && !text->failed) {
		size_t fitting = 0, left = CT_COLUMNS - column;

		while (fitting < length && (left || ((unsigned char)word[fitting] & 0xc0) == 0x80))
			left -= ((unsigned char)word[fitting++] & 0xc0) != 0x80;
		ct_text_append(text, word, fitting);
		word += fitting;
		length -= fitting;
		if (length)
			new_line(text, column);
	}
}

void ct_text_add_paragraph(struct ct_text *text, size_t indent, size_t column, const char *label, const char *words)
{
	ct_text_addf(text, "%*s%s", (int)indent, "", label);
	ct_text_pad(text, column);
	while (*words && !text->failed) {
		size_t length = strcspn(words, " "), columns = columns_of(words, length);
		size_t used = current_column(text);

		if (used > column && used + 1 + columns > CT_COLUMNS)
			new_line(text, column);
		else if (used > column)
			ct_text_add(text, " ");
		add_long_word(text, column, words, length);
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
