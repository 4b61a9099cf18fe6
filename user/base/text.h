// SPDX-License-Identifier: Apache-2.0
/*
 * A string builder, and the one escaper for names that came from a target.
 *
 * Building never fails half-way: after the first allocation failure the builder stays as it was, every further call
 * is a no-op, and `failed` says so once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/** Text under construction; `data` is NUL-terminated once anything was added. Zero-initialise. */
struct ct_text {
	char *data;	 /**< Owned; NULL while empty. */
	size_t length;	 /**< Bytes without the NUL. */
	size_t capacity; /**< Bytes allocated. */
	bool failed;	 /**< An allocation failed; the text is incomplete. */
};

/** Release the text. A zeroed or half-built one is fine. */
void ct_text_done(struct ct_text *text);

/** Forget the content, keep the memory. */
void ct_text_clear(struct ct_text *text);

/** Append `length` bytes as they are. */
void ct_text_append(struct ct_text *text, const char *bytes, size_t length);

/** Append a NUL-terminated string as it is. */
void ct_text_add(struct ct_text *text, const char *string);

/** Append printf-formatted text. */
void ct_text_addf(struct ct_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** As ct_text_addf() with a va_list. */
void ct_text_vaddf(struct ct_text *text, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/** Append a whole number with its thousands grouped by commas: 1234567 -> "1,234,567". */
void ct_text_add_grouped(struct ct_text *text, uint64_t number);

/** Append a duration for people: "850 ms", "29.8 s", "4m 12s", "3h 05m". */
void ct_text_add_duration(struct ct_text *text, uint64_t duration_ns);

/** As ct_text_add_duration(), of the nearest that has three digits: what a timer was set to, 499.99 ms later, is 500 ms. */
void ct_text_add_rounded_duration(struct ct_text *text, uint64_t duration_ns);

/** Append a size for people: "138 B", "138 kB", "1.2 GB" (powers of 1000). */
void ct_text_add_bytes(struct ct_text *text, uint64_t bytes);

/**
 * Append a name that came from a target so that no terminal, log or file can be harmed by it.
 *
 * C0, DEL, C1 and invalid UTF-8 become `\xNN`; everything else is kept. At most `limit` bytes of input are used and
 * a cut is shown by "...".
 */
void ct_text_add_escaped(struct ct_text *text, const char *name, size_t limit);

/** @return length in bytes (1-4) of the valid UTF-8 sequence at `bytes`, or 0 when it is none. */
size_t ct_utf8_length(const char *bytes, size_t available);

/** As ct_utf8_length(), and 0 for a control character too (C0, DEL, C1). */
size_t ct_utf8_printable(const char *bytes, size_t available);
