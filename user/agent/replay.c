// SPDX-License-Identifier: Apache-2.0
#include "agent/replay.h"
#include "agent/agent.h"
#include "agent/output.h"
#include "agent/pipeline.h"
#include "agent/reread.h"
#include "source/source_file.h"

#include <errno.h>

/* The whole file is read before anything is printed: a damaged recording gives one line and no half report. */
int ct_replay(struct ct_pipeline *pipeline, const char *path, struct ct_error *error)
{
	struct ct_reread *reread = ct_reread_new(pipeline);
	struct ct_source *source = NULL;
	int rc = reread ? ct_source_file_open(path, &source, error) :
			  ct_error_set(error, -ENOMEM, "no memory to read %s", path);

	if (!rc)
		rc = source->ops->drain(source, ct_reread_push, reread, error);
	if (rc >= 0)
		rc = ct_reread_end(reread);
	if (source)
		source->ops->done(source);
	ct_reread_free(reread);
	return rc;
}

int ct_agent_replay(const struct ct_options *options)
{
	struct ct_outputs outputs = { 0 };
	struct ct_pipeline pipeline = { 0 };
	struct ct_error error = CT_ERROR_INIT;
	int status = CT_STATUS_USAGE;

	if (ct_pipeline_init(&pipeline, options, &error) || ct_replay(&pipeline, options->input, &error) ||
	    ct_outputs_open(&outputs, options, &error))
		ct_complain(&error);
	else
		status = ct_conclude(&pipeline, &outputs);
	ct_outputs_done(&outputs);
	ct_pipeline_done(&pipeline);
	return status;
}
