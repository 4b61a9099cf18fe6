// SPDX-License-Identifier: Apache-2.0
/* A streaming JSON writer: commas, escapes and numbers; nesting is the caller's. Output is valid UTF-8 whatever comes in. */
#pragma once

#include "base/text.h"

/** State of one document. Zero-initialise with its text. */
struct ct_json {
	struct ct_text *text;
	bool needs_comma;
};

/** Open "{" or "[" as a value; `key` NULL inside an array. */
void ct_json_open(struct ct_json *json, const char *key, char bracket);

/** Close "}" or "]". */
void ct_json_close(struct ct_json *json, char bracket);

/** A string; invalid UTF-8 becomes U+FFFD, control characters are escaped. NULL gives null. */
void ct_json_string(struct ct_json *json, const char *key, const char *value);

/** A whole number. */
void ct_json_number(struct ct_json *json, const char *key, uint64_t value);

/** Thousandths, below zero too, as a decimal number; a whole one has no fraction. */
void ct_json_signed_milli(struct ct_json *json, const char *key, int64_t thousandths);

/** Nanoseconds as seconds with a decimal fraction. */
void ct_json_seconds(struct ct_json *json, const char *key, uint64_t nanoseconds);

/** A 64-bit id as the string "0x..."; 0 is unknown and gives null. */
void ct_json_id(struct ct_json *json, const char *key, uint64_t value);

/** true or false. */
void ct_json_bool(struct ct_json *json, const char *key, bool value);

/** null. */
void ct_json_null(struct ct_json *json, const char *key);
