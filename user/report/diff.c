// SPDX-License-Identifier: Apache-2.0
#include "report/diff.h"

#include "base/time.h"
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *ct_change_name(enum ct_change change)
{
	static const char *const names[CT_CHANGE_END] = { "new", "grown", "gone", "unchanged" };

	return names[change];
}

/* What the rate counted, and in how many minutes that was: a finding may count older ones, too. */
struct sample {
	double made, minutes;
};

static struct sample sample_of(const struct ct_digest *report, const struct ct_digest_finding *finding)
{
	double per_minute = (double)finding->rate_per_min_milli / 1000;
	double window = (double)report->duration_ns / (60.0 * (double)CT_NSEC_PER_SEC);
	double minutes = (double)finding->count / per_minute;

	if (minutes > window)
		minutes = window;
	return (struct sample){ per_minute * minutes, minutes };
}

/*
 * Is `b` more than as many as `a` would be in a window `times` as long, by more than twice the standard deviation of
 * the difference? (Squared: no root is needed.)
 */
static bool is_beyond_chance(double a, double b, double times)
{
	double more = b - a * times;

	return more > 0 && more * more > 4 * (b + a * times * times);
}

static bool has_grown(const struct ct_diff *diff, const struct ct_digest_finding *a, const struct ct_digest_finding *b)
{
	struct sample left, right;

	if (b->severity > a->severity)
		return true;
	if (!diff->is_by_rate)
		return b->count > a->count;
	if (!a->rate_per_min_milli || !b->rate_per_min_milli) // from before the attach: a stock and no flow
		return is_beyond_chance((double)a->count, (double)b->count, 1);
	left = sample_of(diff->reports[0], a);
	right = sample_of(diff->reports[1], b);
	return is_beyond_chance(left.made, right.made, right.minutes / left.minutes);
}

static void add_row(struct ct_diff *diff, const struct ct_digest_finding *a, const struct ct_digest_finding *b)
{
	struct ct_diff_row *row = &diff->rows[diff->count++];

	*row = (struct ct_diff_row){ CT_CHANGE_UNCHANGED, a, b };
	if (!a)
		row->change = CT_CHANGE_NEW;
	else if (!b)
		row->change = CT_CHANGE_GONE;
	else if (has_grown(diff, a, b))
		row->change = CT_CHANGE_GROWN;
	diff->counts[row->change]++;
}

/* Both are sorted by fingerprint. */
static void match(struct ct_diff *diff)
{
	const struct ct_digest *a = diff->reports[0], *b = diff->reports[1];
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		const struct ct_digest_finding *left = i < a->count ? &a->findings[i] : NULL;
		const struct ct_digest_finding *right = j < b->count ? &b->findings[j] : NULL;

		if (left && right && left->fingerprint != right->fingerprint) {
			if (left->fingerprint < right->fingerprint)
				right = NULL;
			else
				left = NULL;
		}
		add_row(diff, left, right);
		i += left != NULL;
		j += right != NULL;
	}
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_weight(const void *left, const void *right)
{
	const struct ct_diff_row *one = left, *other = right;
	const struct ct_digest_finding *a = one->b ? one->b : one->a, *b = other->b ? other->b : other->a;

	return compare(one->change, other->change) ?: compare(b->severity, a->severity) ?:
	       compare(b->confidence, a->confidence) ?: compare(b->count, a->count) ?: compare(a->kind, b->kind) ?:
	       compare(a->fingerprint, b->fingerprint);
}

static void add_named(struct ct_text *notes, const char *before, const char *name, const char *after)
{
	ct_text_add(notes, before);
	ct_text_add_escaped(notes, name, 80);
	ct_text_add(notes, after);
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

/* Another program, another build, another toolchain: the first that is so is told. */
static void note_targets(struct ct_diff *diff)
{
	const struct ct_digest *a = diff->reports[0], *b = diff->reports[1];
	const char *exe_a = a->exe ? ct_base_name(a->exe) : NULL, *exe_b = b->exe ? ct_base_name(b->exe) : NULL;

	if (differ(exe_a, exe_b)) {
		add_named(&diff->notes, "two programs: A is of ", exe_a, "");
		add_named(&diff->notes, ", B of ", exe_b, "; findings are matched by kind and function names\n");
	} else if (differ(a->build_id, b->build_id)) {
		add_named(&diff->notes, "two builds of ", exe_b ? exe_b : "the program", "\n");
	}
	if (differ(a->runtime_version, b->runtime_version)) {
		add_named(&diff->notes, "A runs with ", a->runtime_version, "");
		add_named(&diff->notes, ", B with ", b->runtime_version, "\n");
	}
}

/* What A missed looks new, and what B missed looks gone. */
static void note_doubts(struct ct_diff *diff)
{
	static const char *const looks[] = { "new", "gone" };

	if (diff->reports[0]->is_census != diff->reports[1]->is_census)
		ct_text_add(&diff->notes, "a census knows no sites, a watched window does: their findings do not match\n");
	for (int i = 0; i < 2; i++) {
		if (diff->reports[i]->is_incomplete)
			ct_text_addf(&diff->notes, "%c is incomplete: what looks %s may only have been missed there\n",
				     'A' + i, looks[i]);
		if (!diff->reports[i]->undecided)
			continue;
		ct_text_addf(&diff->notes, "%c has ", 'A' + i);
		ct_text_add_grouped(&diff->notes, diff->reports[i]->undecided);
		ct_text_addf(&diff->notes, " undecided: what looks %s may be among them\n", looks[i]);
	}
}

static bool is_by_rate(const struct ct_digest *a, const struct ct_digest *b)
{
	if (a->is_census || b->is_census || (a->has_seen_exit && b->has_seen_exit))
		return false;
	return a->duration_ns && b->duration_ns;
}

int ct_diff_make(const char *const names[2], const struct ct_digest *const reports[2], struct ct_diff *ret_diff)
{
	struct ct_diff diff = {
		.names = { names[0], names[1] },
		.reports = { reports[0], reports[1] },
		.is_by_rate = is_by_rate(reports[0], reports[1]),
		.rows = calloc(reports[0]->count + reports[1]->count + 1, sizeof(*diff.rows)),
	};

	if (!diff.rows)
		return -ENOMEM;
	match(&diff);
	qsort(diff.rows, diff.count, sizeof(*diff.rows), by_weight);
	note_targets(&diff);
	note_doubts(&diff);
	if (diff.notes.failed) {
		ct_diff_done(&diff);
		return -ENOMEM;
	}
	*ret_diff = diff;
	return 0;
}

void ct_diff_done(struct ct_diff *diff)
{
	free(diff->rows);
	ct_text_done(&diff->notes);
	*diff = (struct ct_diff){ 0 };
}
