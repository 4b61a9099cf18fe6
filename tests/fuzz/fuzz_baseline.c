// SPDX-License-Identifier: Apache-2.0
/* Baselines: what is taken is written again as the same, and marks findings. */
#include "fuzz.h"

#include "event/text_codec.h"
#include "report/baseline.h"

#include <string.h>
#include <unistd.h>

static const char story[] = "site path=1 frame=shop.(*Cart).Add|cart.go|12 frame=main.main|main.go|5\n"
			    "create context=0x1 kind=cancel parent_kind=background path=1\n";

static int apply(void *opaque, const struct ct_event *event)
{
	return ct_tree_apply(opaque, event, NULL);
}

static int load(const void *data, size_t size, struct ct_baseline **ret_baseline)
{
	struct ct_error error = CT_ERROR_INIT;
	char path[FUZZ_PATH_BYTES];
	int fd = fuzz_file(data, size);
	int rc;

	fuzz_path(fd, path);
	rc = ct_baseline_load(path, ret_baseline, &error);
	FUZZ_CHECK(rc == 0 ? *ret_baseline != NULL : rc < 0 && *error.message && !*ret_baseline);
	close(fd);
	return rc;
}

/* All entries, to their last byte. @return how many. */
static size_t touch(const struct ct_baseline *baseline)
{
	struct ct_baseline_entry entry;
	size_t cursor = 0, count = 0;

	for (; ct_baseline_unseen(baseline, &cursor, &entry); count++)
		FUZZ_CHECK(entry.kind < CT_FINDING_END && fuzz_touch(entry.site));
	FUZZ_CHECK(count == ct_baseline_unseen_count(baseline));
	return count;
}

static void rewrite(const struct ct_baseline *baseline, const struct ct_tree *tree)
{
	struct ct_findings none = { 0 };
	struct ct_baseline *again = NULL;
	struct ct_text text = { 0 }, twice = { 0 };

	FUZZ_CHECK(!ct_baseline_render(baseline, tree, &none, &text));
	FUZZ_CHECK(!load(text.data, text.length, &again) && touch(again) == touch(baseline));
	FUZZ_CHECK(!ct_baseline_render(again, tree, &none, &twice));
	FUZZ_CHECK(text.length == twice.length && !memcmp(text.data, twice.data, text.length));
	ct_baseline_free(again);
	ct_text_done(&text);
	ct_text_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_finding list[] = { { .kind = CT_FINDING_LOST_CANCEL, .site = 1, .fingerprint = 0x0123456789abcdef } };
	struct ct_findings findings = { .list = list, .count = 1 };
	struct ct_tree *tree = ct_tree_new(&ct_allocator_libc, NULL);
	struct ct_baseline *baseline = NULL;
	size_t entries;

	FUZZ_CHECK(tree && ct_event_text_parse(story, apply, tree, NULL) == 0);
	if (!load(data, size, &baseline)) {
		entries = touch(baseline);
		rewrite(baseline, tree);
		FUZZ_CHECK(!ct_baseline_mark(baseline, tree, &findings) && list[0].baseline);
		FUZZ_CHECK((list[0].baseline != CT_BASELINE_NEW) == (entries - touch(baseline)));
	}
	ct_baseline_free(baseline);
	ct_tree_free(tree);
	return 0;
}
