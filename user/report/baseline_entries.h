// SPDX-License-Identifier: Apache-2.0
/* The entries of a baseline: made of findings or of lines, one for each fingerprint, and back to lines. */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"

/** How a baseline begins. */
#define CT_BASELINE_HEAD "# ctxtrace-baseline/1"

/** Entries of one baseline at most. */
#define CT_BASELINE_ENTRIES_MAX 100000

/** One fingerprint. */
struct ct_entry {
	enum ct_finding_kind kind;
	enum ct_severity severity; /**< The worst. */
	uint64_t fingerprint;
	uint64_t places;  /**< Lines of creation. */
	char *site;	  /**< For people; owned once it is in a list. */
	bool is_unknown;  /**< Made of findings whose site nobody saw. */
	bool is_seen;
};

/** A list. Zero-initialise. */
struct ct_entries {
	struct ct_entry *list;
	size_t count, capacity;
};

/** Release it. */
void ct_entries_done(struct ct_entries *entries);

/** Append a copy. @return 0, -ENOMEM or -E2BIG. */
int ct_entries_add(struct ct_entries *entries, const struct ct_entry *entry);

/** Order by fingerprint; of entries that have the same one is left, with the worst severity and the most places. */
void ct_entries_sort(struct ct_entries *entries);

/** Make sorted entries of findings. @return 0, -ENOMEM or -E2BIG; `entries` is empty then. */
int ct_entries_of(struct ct_entries *entries, const struct ct_tree *tree, const struct ct_findings *findings);

/** Find one in a sorted list. @return it, or NULL. */
struct ct_entry *ct_entries_find(const struct ct_entries *entries, uint64_t fingerprint);

/** Write the file: sorted for people, by kind, site and fingerprint. Changes the order of the list. */
void ct_entries_render(struct ct_entries *entries, struct ct_text *text);
