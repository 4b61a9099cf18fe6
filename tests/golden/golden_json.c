// SPDX-License-Identifier: Apache-2.0
#include "golden_json.h"

#include <string.h>

/* Behind the string that begins at `at`. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		at += *at == '\\' && at[1];
	return *at ? at + 1 : at;
}

/* Does what this bracket opens hold no other bracket? */
static bool is_small(const char *open)
{
	const char *at = open + 1;

	while (*at && !strchr("{}[]", *at))
		at = *at == '"' ? skip_string(at) : at + 1;
	return *at == '}' || *at == ']';
}

static void new_line(struct ct_text *text, int depth)
{
	ct_text_addf(text, "\n%*s", depth, "");
}

void golden_add_json(struct ct_text *text, const char *json)
{
	bool is_in_small = false;
	int depth = 0;

	for (const char *at = json, *next; *at && *at != '\n'; at = next) {
		bool opens = *at == '{' || *at == '[', closes = *at == '}' || *at == ']';

		next = *at == '"' ? skip_string(at) : at + 1;
		if (closes && !is_in_small)
			new_line(text, --depth);
		ct_text_append(text, at, (size_t)(next - at));
		if (closes)
			is_in_small = false;
		else if (opens)
			is_in_small = is_small(at);
		if ((opens && !is_in_small) || (*at == ',' && !is_in_small))
			new_line(text, depth += opens);
		else if (*at == ',')
			ct_text_add(text, " ");
	}
	ct_text_add(text, "\n");
}
