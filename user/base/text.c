// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 128

void ct_text_done(struct ct_text *text)
{
	free(text->data);
	*text = (struct ct_text){ 0 };
}

void ct_text_clear(struct ct_text *text)
{
	text->length = 0;
	if (text->data)
		text->data[0] = '\0';
}

static bool reserve(struct ct_text *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
	char *data;

	if (text->failed || more > SIZE_MAX / 4 - text->length)
		return !(text->failed = true);
	while (capacity < text->length + more + 1)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	data = realloc(text->data, capacity);
	if (!data)
		return !(text->failed = true);
	text->data = data;
	text->capacity = capacity;
	return true;
}

void ct_text_append(struct ct_text *text, const char *bytes, size_t length)
{
	if (!reserve(text, length))
		return;
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void ct_text_add(struct ct_text *text, const char *string)
{
	ct_text_append(text, string, strlen(string));
}

void ct_text_vaddf(struct ct_text *text, const char *format, va_list args)
{
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0 || !reserve(text, (size_t)length))
		return;
	vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
	text->length += (size_t)length;
}

void ct_text_addf(struct ct_text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ct_text_vaddf(text, format, args);
	va_end(args);
}

void ct_text_add_grouped(struct ct_text *text, uint64_t number)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			ct_text_add(text, ",");
		ct_text_append(text, &digits[i], 1);
	}
}

void ct_text_add_duration(struct ct_text *text, uint64_t duration_ns)
{
	double seconds = (double)duration_ns / (double)CT_NSEC_PER_SEC;
	uint64_t whole = duration_ns / CT_NSEC_PER_SEC;

	if (duration_ns < CT_NSEC_PER_MSEC)
		ct_text_addf(text, "%" PRIu64 " us", duration_ns / CT_NSEC_PER_USEC);
	else if (duration_ns < CT_NSEC_PER_SEC)
		ct_text_addf(text, "%" PRIu64 " ms", duration_ns / CT_NSEC_PER_MSEC);
	else if (whole < 120)
		ct_text_addf(text, "%.1f s", seconds);
	else if (whole < 7200)
		ct_text_addf(text, "%" PRIu64 "m %02" PRIu64 "s", whole / 60, whole % 60);
	else
		ct_text_addf(text, "%" PRIu64 "h %02" PRIu64 "m", whole / 3600, whole / 60 % 60);
}

void ct_text_add_rounded_duration(struct ct_text *text, uint64_t duration_ns)
{
	uint64_t unit = 1;

	while (duration_ns / unit >= 1000)
		unit *= 10;
	ct_text_add_duration(text, duration_ns / unit * unit + (duration_ns % unit >= (unit + 1) / 2 ? unit : 0));
}

void ct_text_add_bytes(struct ct_text *text, uint64_t bytes)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1000 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		value /= 1000;
		i++;
	}
	ct_text_addf(text, i && value < 10 ? "%.1f %s" : "%.0f %s", value, unit[i]);
}

/* Smallest code point that may be written in a sequence of this length; shorter forms are invalid UTF-8. */
static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };

size_t ct_utf8_length(const char *bytes, size_t available)
{
	const unsigned char *b = (const unsigned char *)bytes;
	size_t length = b[0] < 0x80 ? 1 : b[0] >= 0xf8 ? 0 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc0 ? 2 : 0;
	uint32_t point = length == 1 ? b[0] : length ? b[0] & (0xffu >> (length + 1)) : 0;

	if (!length || length > available)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (b[i] & 0x3f);
	}
	if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	return length;
}

size_t ct_utf8_printable(const char *bytes, size_t available)
{
	size_t length = ct_utf8_length(bytes, available);
	unsigned char first = (unsigned char)bytes[0];

	if (length == 1 && (first < 0x20 || first == 0x7f))
		return 0;
	if (length == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0) // C1
		return 0;
	return length;
}

void ct_text_add_escaped(struct ct_text *text, const char *name, size_t limit)
{
	size_t end = strnlen(name, limit);
	size_t at = 0;

	while (at < end) {
		size_t length = ct_utf8_printable(name + at, end - at);

		if (length) {
			ct_text_append(text, name + at, length);
			at += length;
		} else {
			ct_text_addf(text, "\\x%02x", (unsigned char)name[at++]);
		}
	}
	if (name[end])
		ct_text_add(text, "...");
}
