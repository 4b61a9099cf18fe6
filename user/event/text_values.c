// SPDX-License-Identifier: Apache-2.0
#include "event/text_values.h"

#include "base/time.h"

#include <string.h>

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "h", 3600 * CT_NSEC_PER_SEC }, { "m", 60 * CT_NSEC_PER_SEC }, { "s", CT_NSEC_PER_SEC },
	{ "ms", CT_NSEC_PER_MSEC },	 { "us", CT_NSEC_PER_USEC },	{ "ns", 1 },
};

#define UNITS_COUNT (sizeof(units) / sizeof(units[0]))

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Leading digits of a word; false without one or when the number is too large. */
static bool take_digits(struct ct_word *word, int base, uint64_t *ret)
{
	size_t before = word->length;
	uint64_t value = 0;

	for (; word->length; word->at++, word->length--) {
		int digit = digit_of(*word->at);

		if (digit < 0 || digit >= base)
			break;
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*ret = value;
	return word->length < before;
}

bool ct_word_number(struct ct_word word, uint64_t *ret)
{
	bool is_hex = word.length > 2 && !memcmp(word.at, "0x", 2);

	if (is_hex) {
		word.at += 2;
		word.length -= 2;
	}
	return take_digits(&word, is_hex ? 16 : 10, ret) && !word.length;
}

/* Digits behind the point, down to a nanosecond of the unit. */
static bool take_fraction(struct ct_word *word, uint64_t *ret_billionths)
{
	uint64_t place = CT_NSEC_PER_SEC, value = 0;

	for (; word->length && digit_of(*word->at) >= 0 && digit_of(*word->at) < 10; word->at++, word->length--) {
		place /= 10;
		value += place * (uint64_t)digit_of(*word->at);
	}
	*ret_billionths = value;
	return place < CT_NSEC_PER_SEC;
}

static bool is_word(struct ct_word word, const char *name)
{
	return strlen(name) == word.length && !memcmp(name, word.at, word.length);
}

bool ct_word_duration(struct ct_word word, uint64_t *ret_ns)
{
	uint64_t whole, billionths = 0, value;
	bool has_fraction;

	if (!take_digits(&word, 10, &whole))
		return false;
	has_fraction = word.length && *word.at == '.';
	if (has_fraction) {
		word.at++;
		word.length--;
		if (!take_fraction(&word, &billionths))
			return false;
	}
	if (!word.length && !whole && !has_fraction) {
		*ret_ns = 0;
		return true;
	}
	for (size_t i = 0; i < UNITS_COUNT; i++) {
		if (!is_word(word, units[i].name))
			continue;
		value = (uint64_t)((unsigned __int128)billionths * units[i].ns / CT_NSEC_PER_SEC);
		return !__builtin_mul_overflow(whole, units[i].ns, &whole) &&
		       !__builtin_add_overflow(whole, value, ret_ns);
	}
	return false;
}

bool ct_word_moment(struct ct_word word, uint64_t base_ns, uint64_t *ret_ns)
{
	char sign = word.length ? *word.at : '\0';
	uint64_t duration;

	if (sign == '+' || sign == '-') {
		word.at++;
		word.length--;
	}
	if (!ct_word_duration(word, &duration))
		return false;
	if (sign == '+')
		return !__builtin_add_overflow(base_ns, duration, ret_ns);
	if (sign == '-')
		return !__builtin_sub_overflow(base_ns, duration, ret_ns);
	*ret_ns = duration;
	return true;
}

bool ct_word_name(struct ct_word word, const char *const *names, uint64_t *ret)
{
	for (uint64_t i = 0; names[i]; i++) {
		if (is_word(word, names[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

struct ct_word ct_word_cut(struct ct_word *rest, char separator)
{
	const char *found = rest->length ? memchr(rest->at, separator, rest->length) : NULL;
	struct ct_word before = { rest->at, found ? (size_t)(found - rest->at) : rest->length };
	size_t used = before.length + (found ? 1 : 0);

	rest->at += used;
	rest->length -= used;
	return before;
}

bool ct_word_bits(struct ct_word word, const char *const *names, uint64_t *ret)
{
	uint64_t bits = 0, bit;

	if (ct_word_number(word, ret))
		return true;
	while (word.length) {
		if (!ct_word_name(ct_word_cut(&word, '|'), names, &bit))
			return false;
		bits |= UINT64_C(1) << bit;
	}
	*ret = bits;
	return true;
}

int ct_word_unescape(struct ct_word word, char *out)
{
	int length = 0;

	for (size_t i = 0; i < word.length; i++) {
		int high, low;

		if (word.at[i] != '\\') {
			out[length++] = word.at[i];
			continue;
		}
		if (word.length - i < 4 || word.at[i + 1] != 'x')
			return -1;
		high = digit_of(word.at[i + 2]);
		low = digit_of(word.at[i + 3]);
		if (high < 0 || low < 0 || !(high | low))
			return -1;
		out[length++] = (char)(high << 4 | low);
		i += 3;
	}
	return length;
}

void ct_text_add_exact(struct ct_text *text, uint64_t duration_ns)
{
	size_t unit = 2; // hours and minutes are for people who write

	if (!duration_ns) {
		ct_text_add(text, "0");
		return;
	}
	while (duration_ns % units[unit].ns)
		unit++;
	ct_text_addf(text, "%llu%s", (unsigned long long)(duration_ns / units[unit].ns), units[unit].name);
}

void ct_text_add_moment_after(struct ct_text *text, uint64_t moment_ns, uint64_t base_ns)
{
	ct_text_add(text, moment_ns < base_ns ? "-" : "+");
	ct_text_add_exact(text, moment_ns < base_ns ? base_ns - moment_ns : moment_ns - base_ns);
}

void ct_text_add_bits(struct ct_text *text, uint64_t bits, const char *const *names)
{
	uint64_t known = 0;
	const char *separator = "";

	for (unsigned int i = 0; names[i]; i++)
		known |= UINT64_C(1) << i;
	if (bits & ~known) {
		ct_text_addf(text, "0x%llx", (unsigned long long)bits);
		return;
	}
	for (unsigned int i = 0; names[i]; i++) {
		if (!(bits >> i & 1))
			continue;
		ct_text_add(text, separator);
		ct_text_add(text, names[i]);
		separator = "|";
	}
}

void ct_text_add_word(struct ct_text *text, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c <= ' ' || c == '|' || c == '\\' || c == 0x7f)
			ct_text_addf(text, "\\x%02x", c);
		else
			ct_text_append(text, name, 1);
	}
}
