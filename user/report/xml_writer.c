// SPDX-License-Identifier: Apache-2.0
#include "report/xml_writer.h"

#include <string.h>

/* U+FFFE and U+FFFF are valid UTF-8 and no characters of XML. */
static bool is_no_character(const char *bytes, size_t length)
{
	return length == 3 && !memcmp(bytes, "\xef\xbf", 2) && (unsigned char)bytes[2] >= 0xbe;
}

static const char *reference(char character)
{
	switch (character) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

static void add(struct ct_text *text, const char *value, bool keeps_lines)
{
	size_t left = strlen(value);

	while (left) {
		size_t length = ct_utf8_printable(value, left);
		const char *name = reference(*value);

		if (is_no_character(value, length))
			length = 0; // byte by byte
		if (name)
			ct_text_add(text, name);
		else if (length || (keeps_lines && *value == '\n'))
			ct_text_append(text, value, length ? length : 1);
		else
			ct_text_addf(text, "\\x%02x", (unsigned char)*value);
		length = length ? length : 1;
		value += length;
		left -= length;
	}
}

void ct_xml_add(struct ct_text *text, const char *value)
{
	add(text, value, true);
}

void ct_xml_attribute(struct ct_text *text, const char *name, const char *value)
{
	ct_text_addf(text, " %s=\"", name);
	add(text, value, false);
	ct_text_add(text, "\"");
}
