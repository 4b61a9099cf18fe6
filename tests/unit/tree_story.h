// SPDX-License-Identifier: Apache-2.0
/* Stories for the tree's unit tests, in the text of event streams; after every event the whole tree must add up. */
#pragma once

#include "base/time.h"
#include "event/text_codec.h"
#include "meter.h"
#include "tree_check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/** A tree, the memory it has, and the time in it. */
struct tale {
	struct meter meter;
	struct ct_tree *tree;
	const struct ct_totals *totals;
	uint64_t now_ns;
	const struct ct_context *told; /**< What the last apply gave back. */
	bool is_unchecked;	       /**< For long stories: do not look at the whole tree after every event. */
};

static inline void tale_begin(struct tale *tale, const struct ct_tree_options *options)
{
	*tale = (struct tale){.now_ns = CT_NSEC_PER_SEC};
	meter_init(&tale->meter, METER_NEVER);
	tale->tree = ct_tree_new(&tale->meter.allocator, options);
	assert_non_null(tale->tree);
	tale->totals = ct_tree_totals(tale->tree);
}

/** The tree goes and takes every byte with it. */
static inline void tale_end(struct tale *tale)
{
	ct_tree_free(tale->tree);
	assert_int_equal(tale->meter.blocks, 0);
	assert_int_equal(tale->meter.bytes, 0);
}

/** Apply one event made by hand. */
static inline int tale_apply(struct tale *tale, const void *bytes, size_t length)
{
	struct ct_event event;
	const char *wrong;
	int rc;

	assert_int_equal(ct_event_decode(bytes, length, &event), 0);
	tale->told = NULL;
	rc = ct_tree_apply(tale->tree, &event, &tale->told);
	wrong = tale->is_unchecked ? NULL : tree_check(tale->tree);
	if (wrong)
		fail_msg("after %s: %s", ct_event_name(event.header->type), wrong);
	return rc;
}

/** Tell lines of a stream. @return what the last apply returned; all before it must succeed. */
static inline int tell_rc(struct tale *tale, const char *lines)
{
	static _Alignas(8) char buffer[CT_EVENT_BYTES_MAX];
	struct ct_error error = CT_ERROR_INIT;
	size_t length;
	int rc = 0;

	for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		assert_int_equal(rc, 0);
		if (ct_event_text_parse_line(at, &tale->now_ns, buffer, sizeof(buffer), &length, &error))
			fail_msg("%s", error.message);
		if (length)
			rc = tale_apply(tale, buffer, length);
	}
	return rc;
}

/** Tell lines that are all well taken. */
static inline void tell(struct tale *tale, const char *lines)
{
	assert_int_equal(tell_rc(tale, lines), 0);
}

/** Tell one line made as printf does. */
__attribute__((format(printf, 2, 3))) static inline void tellf(struct tale *tale, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(line, sizeof(line), format, args) < (int)sizeof(line));
	va_end(args);
	tell(tale, line);
}

static inline const struct ct_context *tale_find(const struct tale *tale, uint64_t address)
{
	const struct ct_context *context = ct_tree_find(tale->tree, address);

	assert_non_null(context);
	return context;
}

/** The site of a path. */
static inline const struct ct_site *tale_site(const struct tale *tale, uint32_t path)
{
	for (uint32_t i = 0; i < ct_tree_sites(tale->tree); i++)
		if (ct_tree_site(tale->tree, i)->path == path)
			return ct_tree_site(tale->tree, i);
	fail_msg("no site has path %u", path);
	return NULL;
}
