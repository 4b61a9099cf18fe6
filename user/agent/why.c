// SPDX-License-Identifier: Apache-2.0
#include "agent/why.h"

#include "base/text.h"
#include "base/time.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 120
#define CHAIN_MAX 8 /* ancestors shown; longer chains say so */

static const struct ct_site *site_of_path(const struct ct_tree *tree, uint32_t path)
{
	for (uint32_t i = 1; path && i < ct_tree_sites(tree); i++)
		if (ct_tree_site(tree, i)->path == path)
			return ct_tree_site(tree, i);
	return NULL;
}

static bool matches(const struct ct_site *site, const char *pattern)
{
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (!*pattern)
		return true;
	while (site && ct_frame_next(site, &cursor, &frame))
		if (!fnmatch(pattern, frame.function, 0))
			return true;
	return false;
}

static void add_site(struct ct_text *text, const struct ct_site *site)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	const char *slash;

	if (!site || !ct_frame_next(site, &cursor, &frame)) {
		ct_text_add(text, "unknown site");
		return;
	}
	ct_text_add_escaped(text, frame.function, NAME_BYTES_MAX);
	if (!*frame.file)
		return;
	slash = strrchr(frame.file, '/');
	ct_text_add(text, " ");
	ct_text_add_escaped(text, slash ? slash + 1 : frame.file, NAME_BYTES_MAX);
	ct_text_addf(text, ":%u", frame.line);
}

/* Ancestors that have ended, up to the one where the cancellation began. */
static void add_chain(struct ct_text *text, const struct ct_tree *tree, const struct ct_context *context)
{
	const struct ct_context *at = context ? ct_tree_parent(tree, context) : NULL;

	for (int hop = 0; at && at->state & CT_CONTEXT_ENDED; at = ct_tree_parent(tree, at)) {
		if (hop++ == CHAIN_MAX) {
			ct_text_add(text, " <- ...");
			break;
		}
		ct_text_addf(text, " <- %s of ", ct_cancel_reason_name(at->reason));
		add_site(text, ct_tree_site(tree, at->site));
	}
}

void ct_why_print(const struct ct_tree *tree, const struct ct_event_cancel *event, const char *pattern)
{
	const struct ct_context *context = ct_tree_find(tree, event->context);
	const struct ct_site *made = context ? ct_tree_site(tree, context->site) : NULL;
	const struct ct_site *by = site_of_path(tree, event->path);
	const struct ct_window *window = ct_tree_window(tree);
	uint64_t now = event->header.time_ns;
	struct ct_text text = { 0 };

	if (!matches(made, pattern) && !matches(by, pattern))
		return;
	ct_text_addf(&text, "%+.6f s  %s  ",
		     now > window->begin_ns ? (double)(now - window->begin_ns) / (double)CT_NSEC_PER_SEC : 0.0,
		     ct_cancel_reason_name(event->reason));
	add_site(&text, made);
	if (context && !(context->state & CT_CONTEXT_ADOPTED) && now > context->created_ns) {
		ct_text_add(&text, ", after ");
		ct_text_add_duration(&text, now - context->created_ns);
	}
	if (by) {
		ct_text_add(&text, ", by ");
		add_site(&text, by);
	}
	if (event->reason == CT_REASON_PARENT)
		add_chain(&text, tree, context);
	if (text.data && !text.failed)
		fprintf(stderr, "%s\n", text.data);
	ct_text_done(&text);
}
