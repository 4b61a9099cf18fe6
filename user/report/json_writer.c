// SPDX-License-Identifier: Apache-2.0
#include "report/json_writer.h"

#include "base/time.h"

#include <inttypes.h>
#include <string.h>

static void add_escaped(struct ct_text *text, const char *value)
{
	size_t left = strlen(value);

	ct_text_add(text, "\"");
	while (left) {
		size_t length = ct_utf8_length(value, left);
		unsigned char first = (unsigned char)value[0];

		if (first == '"' || first == '\\')
			ct_text_addf(text, "\\%c", first);
		else if (length == 1 && (first < 0x20 || first == 0x7f))
			ct_text_addf(text, "\\u%04x", first);
		else if (length == 2 && first == 0xc2 && (unsigned char)value[1] < 0xa0) // C1
			ct_text_addf(text, "\\u%04x", (unsigned char)value[1]);
		else if (length)
			ct_text_append(text, value, length);
		else
			ct_text_add(text, "\\ufffd");
		length = length ? length : 1;
		value += length;
		left -= length;
	}
	ct_text_add(text, "\"");
}

static void begin(struct ct_json *json, const char *key)
{
	if (json->needs_comma)
		ct_text_add(json->text, ",");
	json->needs_comma = true;
	if (!key)
		return;
	add_escaped(json->text, key);
	ct_text_add(json->text, ":");
}

void ct_json_open(struct ct_json *json, const char *key, char bracket)
{
	begin(json, key);
	ct_text_append(json->text, &bracket, 1);
	json->needs_comma = false;
}

void ct_json_close(struct ct_json *json, char bracket)
{
	ct_text_append(json->text, &bracket, 1);
	json->needs_comma = true;
}

void ct_json_string(struct ct_json *json, const char *key, const char *value)
{
	begin(json, key);
	if (value)
		add_escaped(json->text, value);
	else
		ct_text_add(json->text, "null");
}

void ct_json_number(struct ct_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	ct_text_addf(json->text, "%" PRIu64, value);
}

void ct_json_signed_milli(struct ct_json *json, const char *key, int64_t thousandths)
{
	uint64_t size = thousandths < 0 ? 0 - (uint64_t)thousandths : (uint64_t)thousandths;

	begin(json, key);
	ct_text_addf(json->text, "%s%" PRIu64, thousandths < 0 ? "-" : "", size / 1000);
	if (size % 1000)
		ct_text_addf(json->text, ".%03" PRIu64, size % 1000);
}

void ct_json_seconds(struct ct_json *json, const char *key, uint64_t nanoseconds)
{
	begin(json, key);
	ct_text_addf(json->text, "%" PRIu64 ".%09" PRIu64, nanoseconds / CT_NSEC_PER_SEC,
		     nanoseconds % CT_NSEC_PER_SEC);
}

void ct_json_id(struct ct_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	if (value)
		ct_text_addf(json->text, "\"0x%" PRIx64 "\"", value);
	else
		ct_text_add(json->text, "null");
}

void ct_json_bool(struct ct_json *json, const char *key, bool value)
{
	begin(json, key);
	ct_text_add(json->text, value ? "true" : "false");
}

void ct_json_null(struct ct_json *json, const char *key)
{
	begin(json, key);
	ct_text_add(json->text, "null");
}
