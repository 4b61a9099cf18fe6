// SPDX-License-Identifier: Apache-2.0
/* Values of the text codec: numbers, durations, names and words, each way. */
#pragma once

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/** Part of a line. */
struct ct_word {
	const char *at;
	size_t length;
};

/** Parse a decimal or, after "0x", hexadecimal number that fills the word. @return false when it is none. */
bool ct_word_number(struct ct_word word, uint64_t *ret);

/** Parse a duration without sign: "0", "1.5s", "20ms", "300us", "7ns", "2m", "1h". @return false when it is none. */
bool ct_word_duration(struct ct_word word, uint64_t *ret_ns);

/** Parse a moment: a duration with a sign is relative to `base_ns`, without it is absolute. @return false. */
bool ct_word_moment(struct ct_word word, uint64_t base_ns, uint64_t *ret_ns);

/** Find a name in a NULL-terminated list. @return false when it is not there. */
bool ct_word_name(struct ct_word word, const char *const *names, uint64_t *ret);

/** Parse names of bits joined by `|`, or a number. @return false when one is not known. */
bool ct_word_bits(struct ct_word word, const char *const *names, uint64_t *ret);

/**
 * Undo `\xNN`.
 *
 * @param out  At least word.length bytes.
 * @return length, or -1 when an escape is malformed or stands for NUL.
 */
int ct_word_unescape(struct ct_word word, char *out);

/** Cut the word at the first `separator`. @return what came before; `rest` is what follows, empty at the end. */
struct ct_word ct_word_cut(struct ct_word *rest, char separator);

/** Append a duration in the largest unit that keeps it exact. */
void ct_text_add_exact(struct ct_text *text, uint64_t duration_ns);

/** Append a moment relative to `base_ns`. */
void ct_text_add_moment_after(struct ct_text *text, uint64_t moment_ns, uint64_t base_ns);

/** Append names of bits joined by `|`; bits without a name make it a number. */
void ct_text_add_bits(struct ct_text *text, uint64_t bits, const char *const *names);

/** Append a name with everything escaped that would end the word. */
void ct_text_add_word(struct ct_text *text, const char *name);
