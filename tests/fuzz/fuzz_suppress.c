// SPDX-License-Identifier: Apache-2.0
/* Suppression files, and what their rules say about a finding. */
#include "fuzz.h"

#include "event/text_codec.h"
#include "report/suppress.h"

#include <string.h>
#include <unistd.h>

static const char story[] = "site path=1 frame=shop.(*Cart).Add|cart.go|12 frame=main.main|main.go|5\n"
			    "create context=0x1 kind=cancel parent_kind=background path=1\n";

static int apply(void *opaque, const struct ct_event *event)
{
	return ct_tree_apply(opaque, event, NULL);
}

/* Is there nothing in the file but comments? */
static bool is_all_comment(const uint8_t *data, size_t size)
{
	bool is_start = true;

	for (size_t i = 0; i < size; i++) {
		if (is_start && data[i] != '#' && data[i] != '\n')
			return false;
		is_start = data[i] == '\n';
	}
	return true;
}

/* @return whether a rule names a finding of the story's site. */
static bool match(const struct ct_suppressions *rules)
{
	struct ct_tree *tree = ct_tree_new(&ct_allocator_libc, NULL);
	struct ct_finding finding = { .kind = CT_FINDING_LOST_CANCEL, .site = 1 };
	bool is_named;

	FUZZ_CHECK(tree && ct_event_text_parse(story, apply, tree, NULL) == 0);
	FUZZ_CHECK(ct_tree_site(tree, 1));
	is_named = ct_suppressions_match(rules, tree, &finding);
	// Nobody knows a function of the unknown site, so no rule can name it.
	finding.site = CT_SITE_UNKNOWN;
	FUZZ_CHECK(!ct_suppressions_match(rules, tree, &finding));
	ct_tree_free(tree);
	return is_named;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_suppressions *rules = NULL;
	char path[FUZZ_PATH_BYTES];
	int fd = fuzz_file(data, size);
	int rc;

	fuzz_path(fd, path);
	rc = ct_suppressions_load(path, &rules, &error);
	FUZZ_CHECK(rc == 0 ? rules != NULL : rc < 0 && *error.message && !rules);
	if (is_all_comment(data, size))
		FUZZ_CHECK(!rc && !match(rules));
	else if (!rc)
		match(rules);
	ct_suppressions_free(rules);
	close(fd);
	return 0;
}
