// SPDX-License-Identifier: Apache-2.0
/*
 * From raw bytes to a report: decode, apply to the tree, judge, render. The input is a stream:
 *
 *   1 byte   options: bit 0 small caps
 *   1 byte   which allocation of the tree fails; 0 none
 *   events   2 bytes length (cut at the end of the input), then that many bytes
 */
#include "fuzz.h"

#include "base/text.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define SMALL_CAPS 0x01

/* The allocator whose Nth allocation fails, and every one after it. */
struct budget {
	unsigned int left;
	bool is_limited;
};

static void *resize(void *opaque, void *pointer, size_t bytes)
{
	struct budget *budget = opaque;

	if (bytes && budget->is_limited) {
		if (!budget->left)
			return NULL;
		budget->left--;
	}
	return ct_allocator_libc.resize(NULL, pointer, bytes);
}

/* What stands in the tree agrees with what it counts, and every path leads to a root. */
static void check_tree(const struct ct_tree *tree)
{
	const struct ct_totals *totals = ct_tree_totals(tree);
	uint32_t end = ct_tree_end(tree);
	uint64_t live = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);
		uint32_t steps = 0;

		if (!context)
			continue;
		FUZZ_CHECK(ct_tree_index(tree, context) == i);
		FUZZ_CHECK(ct_tree_site(tree, context->site));
		live += !(context->state & CT_CONTEXT_ENDED);
		for (; context; context = ct_tree_parent(tree, context))
			FUZZ_CHECK(++steps <= end);
	}
	FUZZ_CHECK(live == totals->live);
}

static void apply(struct ct_tree *tree, const void *bytes, size_t length)
{
	const struct ct_context *context = NULL;
	struct ct_event event;
	int rc = ct_event_decode(bytes, length, &event);

	FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -ENOMSG);
	if (rc)
		return;
	rc = ct_tree_apply(tree, &event, &context);
	FUZZ_CHECK(rc == 0 || rc == -ENOSPC || rc == -ENOMEM || rc == -EPROTO);
	// It is a copy: the context itself may be forgotten already.
	if (!rc && context)
		FUZZ_CHECK(context->id && context->kind < CT_KIND_END && context->reason < CT_REASON_END);
}

static void apply_all(struct ct_tree *tree, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t length = data[0] | (size_t)data[1] << 8;
		char *event;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		event = fuzz_copy(data, length); // a block of its own: reading past the event is found
		apply(tree, event, length);
		free(event);
		data += length;
		size -= length;
	}
}

/* A report for people: lines of valid UTF-8 that no terminal can be harmed by, whatever a target calls its functions. */
static void check_text(const struct ct_text *text)
{
	for (size_t i = 0; i < text->length;) {
		size_t length = ct_utf8_length(text->data + i, text->length - i);

		FUZZ_CHECK(length);
		if (length == 1)
			FUZZ_CHECK(text->data[i] == '\n' || (text->data[i] >= ' ' && text->data[i] != 0x7f));
		i += length;
	}
}

static void check_json(const struct ct_text *text)
{
	// Numbers as reals: JSON has no largest integer, and a forged recording may carry any count.
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *json = json_loadb(text->data, text->length, flags, &error);

	if (!json)
		fprintf(stderr, "%s at byte %d\n", error.text, error.position);
	FUZZ_CHECK(json);
	json_decref(json);
}

static bool is_json(const char *format)
{
	return !strcmp(format, "json") || !strcmp(format, "sarif") || !strcmp(format, "trace");
}

static void render(const struct ct_snapshot *snapshot)
{
	for (size_t i = 0; ct_reporters[i]; i++) {
		const struct ct_reporter *reporter = ct_reporters[i];
		struct ct_text text = { 0 };

		if (reporter->missing)
			continue;
		FUZZ_CHECK(reporter->write(snapshot, &text) == 0 && !text.failed);
		if (!reporter->is_binary)
			check_text(&text);
		if (is_json(reporter->name))
			check_json(&text);
		ct_text_done(&text);
	}
}

static void judge(const struct ct_tree *tree)
{
	const struct ct_detect_options options = { .min_age_ns = 1000, .grace_ns = 1000 };
	struct ct_findings findings = { 0 };
	struct ct_snapshot snapshot = {
		.tree = tree, .findings = &findings, .min_age_ns = 1000, .with_tree = true,
	};

	snapshot.now_ns = ct_tree_window(tree)->now_ns;
	FUZZ_CHECK(ct_detect_run(tree, snapshot.now_ns, &options, &ct_allocator_libc, &findings) == 0);
	for (size_t i = 0; i < findings.count; i++)
		FUZZ_CHECK(ct_tree_site(tree, findings.list[i].site) && *findings.list[i].evidence);
	render(&snapshot);
	ct_findings_done(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget budget = { 0 };
	const struct ct_allocator allocator = { resize, &budget };
	struct ct_tree_options options = { .max_lifetimes = 100 };
	struct ct_tree *tree;

	if (size < 2)
		return 0;
	if (data[0] & SMALL_CAPS)
		options = (struct ct_tree_options){ .max_contexts = 8, .max_sites = 4, .max_tasks = 4, .max_lifetimes = 2 };
	budget = (struct budget){ data[1], data[1] != 0 };
	tree = ct_tree_new(&allocator, &options);
	FUZZ_CHECK(tree || budget.is_limited);
	if (!tree)
		return 0;
	apply_all(tree, data + 2, size - 2);
	check_tree(tree);
	judge(tree);
	ct_tree_free(tree);
	return 0;
}
