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

static const struct ct_site *known_site(const struct ct_tree *tree, uint32_t index)
{
	return index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(tree, index);
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

static void add_canceller(struct ct_text *text, const struct ct_site *by)
{
	if (!by)
		return;
	ct_text_add(text, ", by ");
	add_site(text, by);
}

static void add_cause(struct ct_text *text, const struct ct_cause *cause)
{
	if (!cause)
		return;
	ct_text_add(text, *cause->text ? ", cause \"" : ", cause of type ");
	ct_text_add_escaped(text, *cause->text ? cause->text : cause->type, NAME_BYTES_MAX);
	ct_text_add(text, *cause->text ? cause->is_cut ? "...\"" : "\"" : "");
}

/* The time it had; 0 unknown. */
static uint64_t time_given(const struct ct_context *context)
{
	if (context->state & CT_CONTEXT_ADOPTED || context->deadline_ns <= context->created_ns)
		return 0;
	return context->deadline_ns - context->created_ns;
}

/* ", after 500 ms of 500 ms" */
static void add_lifetime(struct ct_text *text, const struct ct_context *context, const struct ct_event_cancel *event)
{
	uint64_t now = event->header.time_ns;

	if (context->state & CT_CONTEXT_ADOPTED || now <= context->created_ns)
		return;
	ct_text_add(text, ", after ");
	ct_text_add_rounded_duration(text, now - context->created_ns);
	if (time_given(context)) {
		ct_text_add(text, " of ");
		ct_text_add_rounded_duration(text, time_given(context));
	}
	if (context->asked_later)
		ct_text_add(text, " (had asked for a later deadline)");
}

/* Ancestors that have ended, up to the one where the cancellation began: who ended that, and what it was told. */
static void add_chain(struct ct_text *text, const struct ct_tree *tree, const struct ct_context *context)
{
	const struct ct_context *at = context ? ct_tree_parent(tree, context) : NULL;

	for (int hop = 0; at && at->state & CT_CONTEXT_ENDED; at = ct_tree_parent(tree, at)) {
		struct ct_end_facts facts;

		if (hop++ == CHAIN_MAX) {
			ct_text_add(text, " <- ...");
			break;
		}
		ct_text_addf(text, " <- %s of ", ct_cancel_reason_name(at->reason));
		add_site(text, ct_tree_site(tree, at->site));
		if (at->reason == CT_REASON_DEADLINE && time_given(at)) {
			ct_text_add(text, ", ");
			ct_text_add_rounded_duration(text, time_given(at));
		}
		if (at->reason == CT_REASON_PARENT)
			continue;
		if (ct_tree_end_facts_of(tree, at, &facts)) {
			add_canceller(text, known_site(tree, facts.by));
			add_cause(text, ct_tree_cause(tree, facts.cause));
		}
		break; // what ended above is another story
	}
}

static void begin_line(struct ct_text *text, const struct ct_tree *tree, uint64_t now_ns, const char *what)
{
	const struct ct_window *window = ct_tree_window(tree);
	uint64_t since_ns = now_ns > window->begin_ns ? now_ns - window->begin_ns : 0;

	ct_text_addf(text, "%+.6f s  %s  ", (double)since_ns / (double)CT_NSEC_PER_SEC, what);
}

static void end_line(struct ct_text *text)
{
	if (text->data && !text->failed)
		fprintf(stderr, "%s\n", text->data);
	ct_text_done(text);
}

/* A timer that fires late is a sign of its own: of a machine that has too much to do. */
static void add_lateness(struct ct_text *text, const struct ct_context *context, const struct ct_event_cancel *event)
{
	uint64_t now = event->header.time_ns;

	if (event->reason != CT_REASON_DEADLINE || !time_given(context) ||
	    now < context->deadline_ns + CT_NSEC_PER_MSEC)
		return;
	ct_text_add(text, ", ");
	ct_text_add_rounded_duration(text, now - context->deadline_ns);
	ct_text_add(text, " late");
}

static void print_cancel(const struct ct_tree *tree, const struct ct_event_cancel *event, const char *pattern)
{
	const struct ct_context *context = ct_tree_find(tree, event->context);
	const struct ct_site *made = context ? ct_tree_site(tree, context->site) : NULL;
	const struct ct_site *by = site_of_path(tree, event->path);
	struct ct_text text = { 0 };

	if (!matches(made, pattern) && !matches(by, pattern))
		return;
	begin_line(&text, tree, event->header.time_ns, ct_cancel_reason_name(event->reason));
	add_site(&text, made);
	if (context) {
		add_lifetime(&text, context, event);
		add_lateness(&text, context, event);
	}
	add_canceller(&text, by);
	add_cause(&text, ct_tree_cause_to_come(tree, event->context));
	if (event->reason == CT_REASON_PARENT)
		add_chain(&text, tree, context);
	end_line(&text);
}

/* A cancel function that was called after the end: how long after, and after which end. */
static void print_call(const struct ct_tree *tree, const struct ct_event_cancel_call *event, const char *pattern)
{
	static const char *const ends[CT_REASON_END] = { "it ended", "it was cancelled", "its deadline",
							 "its parent's end", "it was freed" };
	const struct ct_site *made, *by = site_of_path(tree, event->path);
	struct ct_end_facts facts;
	struct ct_text text = { 0 };

	if (!ct_tree_end_facts(tree, event->context, &facts) || facts.reason >= CT_REASON_END)
		return;
	made = known_site(tree, facts.site);
	if (!matches(made, pattern) && !matches(by, pattern))
		return;
	begin_line(&text, tree, event->header.time_ns, "called");
	add_site(&text, made);
	ct_text_add(&text, ", ");
	ct_text_add_rounded_duration(&text, event->header.time_ns > facts.time_ns ? event->header.time_ns - facts.time_ns : 0);
	ct_text_addf(&text, " after %s", ends[facts.reason]);
	add_canceller(&text, by);
	end_line(&text);
}

void ct_why_print(const struct ct_tree *tree, const struct ct_event *event, const char *pattern)
{
	if (event->header->type == CT_EVENT_CANCEL)
		print_cancel(tree, event->cancel, pattern);
	else if (event->header->type == CT_EVENT_CANCEL_CALL)
		print_call(tree, event->cancel_call, pattern);
}
