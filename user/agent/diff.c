// SPDX-License-Identifier: Apache-2.0
/*
 * `ctxtrace diff`: two reports, each from its JSON or from a recording. A recording is played and rendered as JSON first,
 * so there is one reader, and what it compares is what the reports say.
 */
#include "report/diff.h"
#include "agent/agent.h"
#include "agent/output.h"
#include "agent/replay.h"
#include "base/cleanup.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define REPORT_BYTES_MAX (256 << 20)

extern const struct ct_reporter ct_reporter_json;

/* The whole file, up to a bound; a recording only as far as it takes to see that it is one. */
static int read_file(const char *path, struct ct_text *text, struct ct_error *reterr)
{
	_ct_fclose_ FILE *file = fopen(path, "re");
	char buffer[65536];
	size_t length;

	if (!file)
		return ct_error_set(reterr, -errno, "cannot read %s: %s", path, strerror(errno));
	do {
		length = fread(buffer, 1, sizeof(buffer), file);
		ct_text_append(text, buffer, length);
	} while (length && text->length <= REPORT_BYTES_MAX && text->data[0] != '\x1f');
	if (ferror(file))
		return ct_error_set(reterr, -EIO, "cannot read %s: %s", path, strerror(errno));
	if (text->failed)
		return ct_error_set(reterr, -ENOMEM, "no memory to read %s", path);
	if (text->length > REPORT_BYTES_MAX && text->data[0] != '\x1f')
		return ct_error_set(reterr, -E2BIG, "%s has more than %d MiB: too much for a report without --tree", path,
				    REPORT_BYTES_MAX >> 20);
	if (text->length)
		return 0;
	ct_error_set(reterr, -EBADMSG, "%s is empty", path);
	ct_error_hint(reterr, "`diff` takes reports (-f json) and recordings (--record)");
	return -EBADMSG;
}

/* Judge a recording, and say it in JSON. */
static int render_recording(const struct ct_options *options, const char *path, struct ct_text *text,
			    struct ct_error *reterr)
{
	struct ct_pipeline pipeline = { 0 };
	struct ct_findings findings = { 0 };
	int rc = ct_pipeline_init(&pipeline, options, reterr) ?: ct_replay(&pipeline, path, reterr);

	if (!rc)
		rc = ct_pipeline_judge(&pipeline, &findings);
	if (!rc) {
		const struct ct_snapshot snapshot = {
			.tree = pipeline.tree,
			.findings = &findings,
			.now_ns = ct_tree_window(pipeline.tree)->now_ns,
			.min_age_ns = pipeline.min_age_ns,
		};
		rc = ct_reporter_json.write(&snapshot, text);
	}
	if (rc == -ENOMEM || text->failed)
		rc = ct_error_set(reterr, -ENOMEM, "no memory to judge %s", path);
	ct_findings_done(&findings);
	ct_pipeline_done(&pipeline);
	return rc;
}

static int read_report(const struct ct_options *options, const char *path, struct ct_digest *digest,
		       struct ct_error *reterr)
{
	struct ct_text text = { 0 };
	int rc = read_file(path, &text, reterr);

	if (!rc && text.data[0] == '\x1f') { // as gzip begins
		ct_text_clear(&text);
		rc = render_recording(options, path, &text, reterr);
	}
	if (!rc)
		rc = ct_digest_parse(path, text.data, text.length, digest, reterr);
	ct_text_done(&text);
	return rc;
}

static bool fails(const struct ct_options *options, const struct ct_diff *diff)
{
	for (size_t i = 0; i < diff->count; i++) {
		const struct ct_diff_row *row = &diff->rows[i];
		bool is_more = row->change == CT_CHANGE_NEW || row->change == CT_CHANGE_GROWN;

		if (is_more && ct_finding_fails(&(struct ct_finding){ .kind = row->b->kind,
								      .severity = row->b->severity,
								      .confidence = row->b->confidence },
						options->fail_on))
			return true;
	}
	return false;
}

static int write_diff(const struct ct_options *options, struct ct_outputs *outputs, const struct ct_diff *diff,
		      struct ct_error *reterr)
{
	int rc = 0;

	for (unsigned int i = 0; i < outputs->count && !rc; i++) {
		struct ct_text text = { 0 };

		if (!strcmp(options->outputs[i].format, "json"))
			ct_diff_json(diff, &text);
		else
			ct_diff_text(diff, &text);
		rc = ct_outputs_put(outputs, i, options, &text, reterr);
		ct_text_done(&text);
	}
	return rc;
}

/* @return the exit status of what was compared. */
static int status_of(const struct ct_options *options, const struct ct_diff *diff)
{
	if (fails(options, diff))
		return options->exit_code;
	if (options->is_strict && (diff->reports[0]->is_incomplete || diff->reports[1]->is_incomplete))
		return CT_STATUS_INCOMPLETE;
	return 0;
}

static int conclude(const struct ct_options *options, const struct ct_digest *a, const struct ct_digest *b,
		    struct ct_error *reterr)
{
	const char *const names[] = { options->input, options->other_input };
	const struct ct_digest *const reports[] = { a, b };
	struct ct_outputs outputs = { 0 };
	struct ct_diff diff = { 0 };
	int status = CT_STATUS_USAGE;
	int rc = ct_diff_make(names, reports, &diff);

	if (rc)
		ct_error_set(reterr, rc, "no memory to compare");
	else if (!ct_outputs_open(&outputs, options, reterr) && !write_diff(options, &outputs, &diff, reterr))
		status = status_of(options, &diff);
	ct_outputs_done(&outputs);
	ct_diff_done(&diff);
	return status;
}

int ct_agent_diff(const struct ct_options *options)
{
	struct ct_digest a = { 0 }, b = { 0 };
	struct ct_error error = CT_ERROR_INIT;
	int status = CT_STATUS_USAGE;

	if (!read_report(options, options->input, &a, &error) && !read_report(options, options->other_input, &b, &error))
		status = conclude(options, &a, &b, &error);
	if (error.code)
		ct_complain(&error);
	ct_digest_done(&a);
	ct_digest_done(&b);
	return status;
}
