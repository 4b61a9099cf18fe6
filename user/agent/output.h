// SPDX-License-Identifier: Apache-2.0
/*
 * Where reports go. Files are opened before anything is attached, so that an unwritable one is told at once; they are
 * emptied only when the report is there.
 */
#pragma once

#include "agent/pipeline.h"
#include "base/text.h"
#include "cli.h"

/** Open descriptors, one per wanted format. */
struct ct_outputs {
	int fds[CT_OUTPUTS_MAX];
	unsigned int count;
};

/** Open every output of the options. @return 0 or negative errno, told in reterr. */
int ct_outputs_open(struct ct_outputs *outputs, const struct ct_options *options, struct ct_error *reterr);

/** Render and write every wanted format. @return 0 or negative errno, told in reterr. */
int ct_outputs_write(struct ct_outputs *outputs, const struct ct_pipeline *pipeline, const struct ct_findings *findings,
		     struct ct_error *reterr);

/** Write one rendering where the options want it. @return 0 or negative errno, told in reterr. */
int ct_outputs_put(struct ct_outputs *outputs, unsigned int which, const struct ct_options *options,
		   const struct ct_text *text, struct ct_error *reterr);

/** Replace what a file holds, or add to a pipe or device. @return 0 or negative errno. */
int ct_write_whole(int fd, const struct ct_text *text);

/** Close them. */
void ct_outputs_done(struct ct_outputs *outputs);

/**
 * The last step of watch, run and replay: judge, write, choose the exit status (0, the status for findings, 2, 4).
 * Prints what went wrong.
 */
int ct_conclude(struct ct_pipeline *pipeline, struct ct_outputs *outputs);

/** Print an error as one line, `ctxtrace: message; hint`: what went wrong is one line of a log, and one to grep for. */
void ct_complain(const struct ct_error *error);
