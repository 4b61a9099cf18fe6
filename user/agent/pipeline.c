// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline.h"

#include "ctxtrace/report.h"

#include <errno.h>
#include <string.h>

static bool wants_lifetimes(const struct ct_options *options)
{
	for (unsigned int i = 0; i < options->outputs_count; i++) {
		const struct ct_reporter *reporter = ct_reporter_find(options->outputs[i].format);

		if (reporter && reporter->wants_lifetimes)
			return true;
	}
	return false;
}

int ct_pipeline_init(struct ct_pipeline *pipeline, const struct ct_options *options, struct ct_error *reterr)
{
	struct ct_tree_options caps = {
		.max_contexts = options->max_contexts,
		.lost_age_ns = options->min_age_ns,
		.max_lifetimes = wants_lifetimes(options) ? CT_REPORT_LIFETIMES_MAX : 0,
	};
	int rc = 0;

	*pipeline = (struct ct_pipeline){
		.options = options,
		.is_age_chosen = options->has_min_age,
		.min_age_ns = options->min_age_ns,
		.grace_ns = options->grace_ns,
	};
	if (options->suppress)
		rc = ct_suppressions_load(options->suppress, &pipeline->suppress, reterr);
	if (!rc && options->record)
		rc = ct_recorder_open(options->record, options->command == CT_COMMAND_CENSUS, &pipeline->recorder, reterr);
	if (!rc && options->baseline)
		rc = ct_baseline_load(options->baseline, &pipeline->baseline, reterr);
	if (!rc && options->write_baseline) // it may be the one that was read just now
		rc = ct_baseline_file_open(options->write_baseline, &pipeline->accepts, reterr);
	if (rc)
		goto fail;
	pipeline->tree = ct_tree_new(&ct_allocator_libc, &caps);
	if (pipeline->tree)
		return 0;
	rc = ct_error_set(reterr, -ENOMEM, "no memory for the context tree");
fail:
	ct_pipeline_done(pipeline);
	return rc;
}

void ct_pipeline_done(struct ct_pipeline *pipeline)
{
	ct_tree_free(pipeline->tree);
	ct_recorder_free(pipeline->recorder);
	ct_suppressions_free(pipeline->suppress);
	ct_baseline_free(pipeline->baseline);
	ct_baseline_file_free(pipeline->accepts);
	*pipeline = (struct ct_pipeline){ 0 };
}

/* What the user says now stands over what he said when the recording was made. */
static int take_rules(struct ct_pipeline *pipeline, struct ct_event_rules rules)
{
	if (pipeline->options->has_min_age)
		rules.min_age_ns = pipeline->options->min_age_ns;
	if (pipeline->options->has_grace)
		rules.grace_ns = pipeline->options->grace_ns;
	pipeline->is_age_chosen = pipeline->options->has_min_age || rules.header.flags & CT_RULES_AGE_CHOSEN;
	pipeline->min_age_ns = rules.min_age_ns;
	pipeline->grace_ns = rules.grace_ns;
	return ct_tree_apply(pipeline->tree, &(struct ct_event){ .rules = &rules, .bytes = sizeof(rules) }, NULL);
}

int ct_pipeline_keep(void *opaque, const struct ct_event *event)
{
	struct ct_pipeline *pipeline = opaque;

	if (pipeline->recorder && !pipeline->record_error)
		pipeline->record_error = ct_recorder_write(pipeline->recorder, event);
	return pipeline->record_error;
}

int ct_pipeline_push(void *opaque, const struct ct_event *event)
{
	struct ct_pipeline *pipeline = opaque;
	int rc;

	ct_pipeline_keep(pipeline, event);
	if (pipeline->options->why)
		ct_why_print(pipeline->tree, event, pipeline->options->why);
	if (pipeline->ended)
		ct_ended_list_note(pipeline->ended, event);
	if (pipeline->ended_tasks)
		ct_ended_list_note_task(pipeline->ended_tasks, event);
	if (event->header->type == CT_EVENT_RULES)
		rc = take_rules(pipeline, *event->rules);
	else
		rc = ct_tree_apply(pipeline->tree, event, NULL);
	return rc == -ENOMEM ? rc : 0; // caps and contradictions are counted in the tree and reported
}

static bool is_suppressed(void *opaque, const struct ct_tree *tree, const struct ct_finding *finding)
{
	return ct_suppressions_match(opaque, tree, finding);
}

int ct_pipeline_judge(const struct ct_pipeline *pipeline, struct ct_findings *ret_findings)
{
	struct ct_detect_options rules = {
		.min_age_ns = pipeline->min_age_ns,
		.grace_ns = pipeline->grace_ns,
		.is_age_chosen = pipeline->is_age_chosen,
		.is_suppressed = pipeline->suppress ? is_suppressed : NULL,
		.opaque = pipeline->suppress,
	};
	uint64_t now_ns = ct_tree_window(pipeline->tree)->now_ns;
	struct ct_findings findings = { 0 };
	int rc = ct_detect_run(pipeline->tree, now_ns, &rules, &ct_allocator_libc, &findings);

	if (!rc && pipeline->baseline)
		rc = ct_baseline_mark(pipeline->baseline, pipeline->tree, &findings);
	if (rc)
		ct_findings_done(&findings);
	else
		*ret_findings = findings;
	return rc;
}

bool ct_pipeline_fails(const struct ct_pipeline *pipeline, const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->count && !pipeline->accepts; i++)
		if (ct_finding_fails(&findings->list[i], pipeline->options->fail_on))
			return true;
	return false;
}
