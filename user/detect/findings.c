// SPDX-License-Identifier: Apache-2.0
#include "detect/findings.h"

#include "base/time.h"
#include "detect/undecided.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8
#define CUT "..."

void ct_findings_done(struct ct_findings *findings)
{
	if (findings->allocator) {
		ct_release(findings->allocator, findings->list);
		ct_release(findings->allocator, findings->undecided);
	}
	*findings = (struct ct_findings){ 0 };
}

/* Keep what fits, never half a character. */
static void store_sentence(char sentence[CT_SENTENCE_BYTES], const struct ct_text *text)
{
	size_t length = text->length;

	if (length >= CT_SENTENCE_BYTES) {
		length = CT_SENTENCE_BYTES - sizeof(CUT);
		while (length && ((unsigned char)text->data[length] & 0xc0) == 0x80)
			length--;
	}
	if (length)
		memcpy(sentence, text->data, length);
	sentence[length] = '\0';
	if (length < text->length)
		memcpy(sentence + length, CUT, sizeof(CUT));
}

/*
 * Contexts per minute, over the part of the window in which a context old enough to be counted can have been made;
 * never over less than a second. Contexts older than the attach have no rate.
 */
static uint64_t rate_per_min_milli(const struct ct_detect_input *input, uint64_t made, uint64_t min_age_ns)
{
	uint64_t until_ns = input->now_ns > min_age_ns ? input->now_ns - min_age_ns : 0;
	uint64_t begin_ns = input->window->begin_ns;
	uint64_t span_ns = until_ns > begin_ns ? until_ns - begin_ns : 0;

	if (!input->window->has_begun)
		return 0;
	if (span_ns < CT_NSEC_PER_SEC)
		span_ns = CT_NSEC_PER_SEC;
	return made * 60 * 1000 * 1000 / (span_ns / CT_NSEC_PER_MSEC);
}

static void fill_figures(struct ct_finding *finding, const struct ct_group *group, const struct ct_detect_input *input)
{
	finding->site = group->site;
	finding->context_kind = group->context_kind;
	finding->subject = group->subject;
	finding->at = group->subject == CT_SUBJECT_CONTEXTS ? CT_SITE_UNKNOWN : group->work.at;
	memcpy(finding->routes, group->routes, sizeof(finding->routes));
	finding->routes_count = group->routes_count;
	finding->parent_id = group->has_parents ? 0 : group->parent_id;
	finding->count = group->count + group->ended.count;
	finding->live = group->count;
	if (group->count && input->now_ns > group->first_ns)
		finding->oldest_ns = input->now_ns - group->first_ns;
	if (group->ended.longest_ns > finding->oldest_ns)
		finding->oldest_ns = group->ended.longest_ns;
	finding->retained_by = group->retained_by | group->ended.retained_by;
	finding->retained_bytes = group->retained_bytes;
	finding->confidence = group->is_weak ? CT_CONFIDENCE_SUSPECTED : CT_CONFIDENCE_CONFIRMED;
	memcpy(finding->examples, group->examples, sizeof(finding->examples));
	finding->examples_count = group->examples_count;
	finding->rate_per_min_milli =
		rate_per_min_milli(input, group->in_window + group->ended.count, input->options->min_age_ns);
}

static bool fill_finding(struct ct_finding *finding, const struct ct_group *group, const struct ct_detect_input *input)
{
	const struct ct_detector *detector = ct_detectors[group->detector];
	uint64_t gathered;

	*finding = (struct ct_finding){ .kind = detector->kind };
	fill_figures(finding, group, input);
	gathered = finding->count;
	if (group->count < detector->crowd || !detector->judge(input, group, finding))
		return false;
	if (finding->count != gathered) // whatever their age, so none bounds their creation
		finding->rate_per_min_milli = rate_per_min_milli(input, finding->count, 0);
	finding->fingerprint = ct_finding_fingerprint(input->tree, finding);
	return true;
}

static int explain(struct ct_finding *finding, const struct ct_group *group, const struct ct_detect_input *input,
		   struct ct_sentences *sentences)
{
	ct_text_clear(&sentences->evidence);
	ct_text_clear(&sentences->advice);
	ct_detectors[group->detector]->explain(input, group, finding, sentences);
	if (sentences->evidence.failed || sentences->advice.failed)
		return -ENOMEM;
	store_sentence(finding->evidence, &sentences->evidence);
	store_sentence(finding->advice, &sentences->advice);
	return 0;
}

/* Make room for one more element; capacities are powers of two and follow from the count. */
static void *reserve(const struct ct_allocator *allocator, void *list, size_t count, size_t bytes)
{
	bool is_full = count == 0 || (count >= FIRST_CAPACITY && (count & (count - 1)) == 0);

	if (!is_full)
		return list;
	return ct_resize(allocator, list, (count ? count * 2 : FIRST_CAPACITY) * bytes);
}

static int append_finding(struct ct_findings *findings, const struct ct_group *group,
			  const struct ct_detect_input *input, struct ct_sentences *sentences)
{
	const struct ct_detect_options *options = input->options;
	struct ct_finding finding;
	struct ct_finding *list;
	int rc;

	if (!fill_finding(&finding, group, input))
		return 0;
	rc = explain(&finding, group, input, sentences);
	if (rc)
		return rc;
	if (options->is_suppressed && options->is_suppressed(options->opaque, input->tree, &finding)) {
		findings->suppressed++;
		return 0;
	}
	list = reserve(findings->allocator, findings->list, findings->count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	findings->list = list;
	list[findings->count++] = finding;
	return 0;
}

static int append_undecided(struct ct_findings *findings, const struct ct_group *group,
			    const struct ct_detect_input *input, struct ct_sentences *sentences)
{
	struct ct_undecided *list;

	if (!ct_undecided_is_told(group))
		return 0;
	ct_text_clear(&sentences->evidence);
	ct_undecided_explain(input, group, &sentences->evidence);
	if (sentences->evidence.failed)
		return -ENOMEM;
	list = reserve(findings->allocator, findings->undecided, findings->undecided_count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	findings->undecided = list;
	list += findings->undecided_count++;
	*list = (struct ct_undecided){
		.site = group->site,
		.context_kind = group->context_kind,
		.count = group->count,
		.oldest_ns = input->now_ns > group->first_ns ? input->now_ns - group->first_ns : 0,
	};
	store_sentence(list->why, &sentences->evidence);
	return 0;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Most expensive first; the last keys make the order the same whatever order the contexts came in. */
static int by_cost(const void *left, const void *right)
{
	const struct ct_finding *a = left, *b = right;
	const uint64_t keys[][2] = {
		{ b->severity, a->severity },	    { b->confidence, a->confidence },
		{ b->retained_bytes, a->retained_bytes }, { b->count, a->count },
		{ a->kind, b->kind },		    { a->fingerprint, b->fingerprint },
		{ a->site, b->site },		    { a->context_kind, b->context_kind },
		{ a->parent_id, b->parent_id },	    { a->examples[0], b->examples[0] },
	};
	int order = 0;

	for (size_t i = 0; !order && i < sizeof(keys) / sizeof(keys[0]); i++)
		order = compare(keys[i][0], keys[i][1]);
	return order;
}

static int undecided_by_count(const void *left, const void *right)
{
	const struct ct_undecided *a = left, *b = right;
	int order = compare(b->count, a->count);

	if (!order)
		order = compare(b->oldest_ns, a->oldest_ns);
	if (!order)
		order = compare(a->site, b->site);
	return order ? order : compare(a->context_kind, b->context_kind);
}

int ct_findings_build(struct ct_findings *findings, const struct ct_groups *groups,
		      const struct ct_detect_input *input)
{
	struct ct_sentences sentences = { 0 };
	int rc = 0;

	for (uint32_t i = 0; i < groups->count && !rc; i++) {
		const struct ct_group *group = &groups->list[i];

		if (group->detector == CT_FINDING_END)
			rc = append_undecided(findings, group, input, &sentences);
		else
			rc = append_finding(findings, group, input, &sentences);
	}
	ct_text_done(&sentences.evidence);
	ct_text_done(&sentences.advice);
	if (findings->count)
		qsort(findings->list, findings->count, sizeof(*findings->list), by_cost);
	if (findings->undecided_count)
		qsort(findings->undecided, findings->undecided_count, sizeof(*findings->undecided),
		      undecided_by_count);
	return rc;
}
