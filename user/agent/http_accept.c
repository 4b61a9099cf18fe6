// SPDX-License-Identifier: Apache-2.0
#include "agent/http_accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A part of a header, by its ends. */
struct span {
	const char *at;
	size_t length;
};

static struct span trim(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct span){ from, (size_t)(to - from) };
}

/* The next part up to a delimiter; false at the end. */
static bool next(const char **cursor, const char *end, char delimiter, struct span *ret)
{
	const char *to;

	if (*cursor > end)
		return false;
	to = memchr(*cursor, delimiter, (size_t)(end - *cursor));
	to = to ? to : end;
	*ret = trim(*cursor, to);
	*cursor = to + 1;
	return true;
}

static bool is(struct span span, const char *word)
{
	return span.length == strlen(word) && !strncasecmp(span.at, word, span.length);
}

/* "0.75" in thousandths. What is no number is 0: not wanted. */
static unsigned int weight_of(struct span value)
{
	char digits[8] = "";
	double weight;

	if (value.length >= sizeof(digits) || value.length == 0 || strspn(value.at, "0123456789.") < value.length)
		return 0;
	memcpy(digits, value.at, value.length);
	weight = strtod(digits, NULL);
	return weight > 1 ? 1000 : (unsigned int)(weight * 1000 + 0.5);
}

/* One element: its name, its weight, its version ("" when it asks for none). */
struct wish {
	struct span name, version;
	unsigned int weight;
};

static struct wish read_wish(struct span element)
{
	const char *cursor = element.at, *end = element.at + element.length;
	struct wish wish = { .weight = 1000 };
	struct span parameter;

	next(&cursor, end, ';', &wish.name);
	while (next(&cursor, end, ';', &parameter)) {
		const char *equals = parameter.length ? memchr(parameter.at, '=', parameter.length) : NULL;
		struct span name, value;

		if (!equals)
			continue;
		name = trim(parameter.at, equals);
		value = trim(equals + 1, parameter.at + parameter.length);
		if (is(name, "q"))
			wish.weight = weight_of(value);
		else if (is(name, "version"))
			wish.version = value;
	}
	return wish;
}

static bool is_our_openmetrics(const struct wish *wish)
{
	return is(wish->name, "application/openmetrics-text") &&
	       (!wish->version.length || is(wish->version, "1.0.0") || is(wish->version, "0.0.1"));
}

enum ct_dialect ct_accept_dialect(const char *accept)
{
	const char *cursor = accept, *end = accept ? accept + strlen(accept) : NULL;
	unsigned int openmetrics = 0, text = 0;
	struct span element;

	while (accept && next(&cursor, end, ',', &element)) {
		struct wish wish = read_wish(element);

		if (is_our_openmetrics(&wish) && wish.weight > openmetrics)
			openmetrics = wish.weight;
		if (is(wish.name, "text/plain") && wish.weight > text)
			text = wish.weight;
	}
	return openmetrics && openmetrics >= text ? CT_DIALECT_OPENMETRICS : CT_DIALECT_TEXT;
}

bool ct_accept_gzip(const char *accept_encoding)
{
	const char *cursor = accept_encoding, *end = accept_encoding ? accept_encoding + strlen(accept_encoding) : NULL;
	unsigned int any = 0;
	struct span element;

	while (accept_encoding && next(&cursor, end, ',', &element)) {
		struct wish wish = read_wish(element);

		if (is(wish.name, "gzip"))
			return wish.weight > 0;
		if (is(wish.name, "*"))
			any = wish.weight;
	}
	return any > 0;
}
