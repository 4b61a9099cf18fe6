// SPDX-License-Identifier: Apache-2.0
#include "golden_stream.h"

#include "event/text_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT "#! repeat "
#define REPEAT_END "#! end"
#define ROUND "{}" /* in a repeated line: the round's number, four hexadecimal digits from 0001 */
#define ROUNDS_MAX 0xffff

/* One line of a text, its newline not included. */
struct line {
	const char *at;
	size_t length;
};

static struct line next_line(const char **text)
{
	struct line line = { *text, strcspn(*text, "\n") };

	*text += line.length + ((*text)[line.length] == '\n');
	return line;
}

static bool begins_with(struct line line, const char *start)
{
	return line.length >= strlen(start) && !memcmp(line.at, start, strlen(start));
}

static void add_line(struct ct_text *text, struct line line, unsigned long round)
{
	for (size_t i = 0; i < line.length; i++) {
		if (round && i + 1 < line.length && !memcmp(line.at + i, ROUND, 2)) {
			ct_text_addf(text, "%04lx", round);
			i++;
		} else {
			ct_text_append(text, line.at + i, 1);
		}
	}
	ct_text_add(text, "\n");
}

/* Write one block out; `text` stands behind its first line and is moved behind its last. */
static int add_block(struct ct_text *out, const char **text, unsigned long rounds)
{
	const char *begin = *text, *end = NULL;
	struct line line;

	while (!end && **text) {
		line = next_line(text);
		if (begins_with(line, REPEAT))
			return -EINVAL;
		if (begins_with(line, REPEAT_END))
			end = line.at;
	}
	if (!end)
		return -EINVAL;
	for (unsigned long round = 1; round <= rounds; round++)
		for (const char *at = begin; at < end;)
			add_line(out, next_line(&at), round);
	return 0;
}

int golden_stream_expand(const char *text, struct ct_text *out, struct ct_error *reterr)
{
	while (*text) {
		struct line line = next_line(&text);
		unsigned long rounds = begins_with(line, REPEAT) ? strtoul(line.at + strlen(REPEAT), NULL, 10) : 0;
		bool is_repeat = begins_with(line, REPEAT);

		if (!is_repeat)
			add_line(out, line, 0);
		else if (!rounds || rounds > ROUNDS_MAX || add_block(out, &text, rounds))
			return ct_error_set(reterr, -EINVAL, "'%.*s' needs 1 to %d rounds and a line '%s', not nested",
					    (int)line.length, line.at, ROUNDS_MAX, REPEAT_END);
	}
	return out->failed ? -ENOMEM : 0;
}

/* A tree, and where its refusal is told. */
struct playing {
	struct ct_tree *tree;
	struct ct_error *reterr;
};

static int apply(void *opaque, const struct ct_event *event)
{
	struct playing *playing = opaque;
	int rc = ct_tree_apply(playing->tree, event, NULL);

	if (rc)
		ct_error_set(playing->reterr, rc, "the tree refuses the %s at %" PRIu64 " us: %s",
			     ct_event_name(event->header->type), (uint64_t)event->header->time_ns / 1000,
			     strerror(-rc));
	return rc;
}

int golden_stream_apply(const char *text, struct ct_tree *tree, struct ct_error *reterr)
{
	struct playing playing = { tree, reterr };
	struct ct_text expanded = { 0 };
	int rc = golden_stream_expand(text, &expanded, reterr);

	if (!rc)
		rc = ct_event_text_parse(expanded.data, apply, &playing, reterr);
	ct_text_done(&expanded);
	return rc;
}
