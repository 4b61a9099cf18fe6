// SPDX-License-Identifier: Apache-2.0
/* Playing a recording into a pipeline, for the commands that read one. */
#pragma once

#include "agent/pipeline.h"

/** Play a whole recording. @return 0 or negative errno, told in reterr. */
int ct_replay(struct ct_pipeline *pipeline, const char *path, struct ct_error *reterr);
