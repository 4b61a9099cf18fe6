// SPDX-License-Identifier: Apache-2.0
#include "agent/output.h"

#include "agent/agent.h"
#include "base/text.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ct_complain(const struct ct_error *error)
{
	const char *message = error->message[0] ? error->message : strerror(-error->code);

	fprintf(stderr, error->hint[0] ? "ctxtrace: %s; %s\n" : "ctxtrace: %s\n", message, error->hint);
}

int ct_outputs_open(struct ct_outputs *outputs, const struct ct_options *options, struct ct_error *reterr)
{
	for (unsigned int i = 0; i < options->outputs_count; i++) {
		const struct ct_reporter *reporter = ct_reporter_find(options->outputs[i].format);
		const char *file = options->outputs[i].file;
		int fd;

		if (!file && reporter && reporter->is_binary && isatty(STDOUT_FILENO)) {
			ct_error_set(reterr, -EINVAL, "cannot write %s to a terminal: it is binary", reporter->name);
			ct_error_hint(reterr, "-f %s=FILE writes it to a file", reporter->name);
			return -EINVAL;
		}
		fd = file ? open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : STDOUT_FILENO;

		if (fd < 0)
			return ct_error_set(reterr, -errno, "cannot write %s: %s", file, strerror(errno));
		outputs->fds[outputs->count++] = fd;
	}
	return 0;
}

void ct_outputs_done(struct ct_outputs *outputs)
{
	for (unsigned int i = 0; i < outputs->count; i++)
		if (outputs->fds[i] != STDOUT_FILENO)
			close(outputs->fds[i]);
	outputs->count = 0;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t done = write(fd, bytes, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		length -= (size_t)done;
	}
	return 0;
}

int ct_write_whole(int fd, const struct ct_text *text)
{
	if (text->failed)
		return -ENOMEM;
	if (ftruncate(fd, 0) && errno != EINVAL) // a pipe or device cannot be cut
		return -errno;
	return write_all(fd, text->data, text->length);
}

int ct_outputs_put(struct ct_outputs *outputs, unsigned int which, const struct ct_options *options,
		   const struct ct_text *text, struct ct_error *reterr)
{
	const char *file = options->outputs[which].file;
	int fd = outputs->fds[which], rc = text->failed ? -ENOMEM : 0;

	if (!rc) // what standard output is appended to is not ours to cut
		rc = file ? ct_write_whole(fd, text) : write_all(fd, text->data, text->length);
	return rc ? ct_error_set(reterr, rc, "cannot write the report to %s: %s", file ? file : "standard output",
				 strerror(-rc)) :
		    0;
}

static int write_one(struct ct_outputs *outputs, unsigned int which, const struct ct_options *options,
		     const struct ct_snapshot *snapshot, struct ct_error *reterr)
{
	const struct ct_reporter *reporter = ct_reporter_find(options->outputs[which].format);
	struct ct_text text = { 0 };
	int rc = reporter ? reporter->write(snapshot, &text) : -ENOENT;

	text.failed |= rc != 0;
	rc = ct_outputs_put(outputs, which, options, &text, reterr);
	ct_text_done(&text);
	return rc;
}

static bool wants_colour(int fd)
{
	const char *terminal = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");

	return isatty(fd) && terminal && strcmp(terminal, "dumb") && !(no_colour && *no_colour);
}

int ct_outputs_write(struct ct_outputs *outputs, const struct ct_pipeline *pipeline, const struct ct_findings *findings,
		     struct ct_error *reterr)
{
	const struct ct_options *options = pipeline->options;
	int rc = 0;

	for (unsigned int i = 0; i < outputs->count && !rc; i++) {
		struct ct_snapshot snapshot = {
			.tree = pipeline->tree,
			.findings = findings,
			.baseline = pipeline->baseline,
			.now_ns = ct_tree_window(pipeline->tree)->now_ns,
			.min_age_ns = pipeline->min_age_ns,
			.fail_on = options->has_fail_on ? options->fail_on : CT_KINDS_LEAK,
			.source_root = *options->source_root ? options->source_root : NULL,
			.strip_prefix = options->strip_prefix,
			.with_tree = options->with_tree,
			.with_colour = wants_colour(outputs->fds[i]),
		};
		rc = write_one(outputs, i, options, &snapshot, reterr);
	}
	return rc;
}

static int finish_recording(struct ct_pipeline *pipeline, struct ct_error *reterr)
{
	int rc;

	if (!pipeline->recorder)
		return 0;
	rc = pipeline->record_error ?: ct_recorder_finish(pipeline->recorder);
	return rc ? ct_error_set(reterr, rc, "cannot write the recording %s: %s", pipeline->options->record, strerror(-rc)) :
		    0;
}

static int write_baseline(struct ct_pipeline *pipeline, const struct ct_findings *findings, struct ct_error *reterr)
{
	struct ct_text text = { 0 };
	int rc;

	if (!pipeline->accepts)
		return 0;
	rc = ct_baseline_render(pipeline->baseline, pipeline->tree, findings, &text) ?:
	     ct_baseline_file_write(pipeline->accepts, &text);
	ct_text_done(&text);
	return rc ? ct_error_set(reterr, rc, "cannot write the baseline %s: %s", pipeline->options->write_baseline,
				 strerror(-rc)) :
		    0;
}

int ct_conclude(struct ct_pipeline *pipeline, struct ct_outputs *outputs)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_findings findings = { 0 };
	int status = 0;
	int rc = ct_pipeline_judge(pipeline, &findings);

	if (rc)
		ct_error_set(&error, rc, "no memory to judge what was seen");
	else
		rc = ct_outputs_write(outputs, pipeline, &findings, &error);
	if (!rc)
		rc = finish_recording(pipeline, &error) ?: write_baseline(pipeline, &findings, &error);
	if (rc) {
		ct_complain(&error);
		status = CT_STATUS_USAGE;
	} else if (ct_pipeline_fails(pipeline, &findings)) {
		status = pipeline->options->exit_code;
	} else if (pipeline->options->is_strict && ct_tree_is_incomplete(pipeline->tree)) {
		status = CT_STATUS_INCOMPLETE;
	}
	ct_findings_done(&findings);
	return status;
}
