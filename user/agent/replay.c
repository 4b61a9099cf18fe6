// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"
#include "agent/output.h"
#include "agent/pipeline.h"
#include "source/source_file.h"

/* The whole file is read before anything is printed: a damaged recording gives one line and no half report. */
static int replay(struct ct_pipeline *pipeline, const char *path, struct ct_error *error)
{
	struct ct_source *source = NULL;
	int rc = ct_source_file_open(path, &source, error);

	if (!rc)
		rc = source->ops->drain(source, ct_pipeline_push, pipeline, error);
	if (source)
		source->ops->done(source);
	return rc < 0 ? rc : 0;
}

int ct_agent_replay(const struct ct_options *options)
{
	struct ct_outputs outputs = { 0 };
	struct ct_pipeline pipeline = { 0 };
	struct ct_error error = CT_ERROR_INIT;
	int status = CT_STATUS_USAGE;

	if (ct_pipeline_init(&pipeline, options, &error) || replay(&pipeline, options->input, &error) ||
	    ct_outputs_open(&outputs, options, &error))
		ct_complain(&error);
	else
		status = ct_conclude(&pipeline, &outputs);
	ct_outputs_done(&outputs);
	ct_pipeline_done(&pipeline);
	return status;
}
