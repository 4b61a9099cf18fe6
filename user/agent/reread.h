// SPDX-License-Identifier: Apache-2.0
/*
 * `replay` of a recorded census: what its memory says is asked again, so that a newer ctxtrace may judge what an older one
 * recorded. Where the recording does not hold what that takes, or is at odds with itself, what was found when it was
 * recorded stands.
 */
#pragma once

#include "agent/pipeline.h"

struct ct_reread;

/** Stand between a source and a pipeline. @return NULL: no memory. */
struct ct_reread *ct_reread_new(struct ct_pipeline *pipeline);

/** Release it. NULL is fine. */
void ct_reread_free(struct ct_reread *reread);

/** Take one event; a ct_event_sink. @return 0 or -ENOMEM. */
int ct_reread_push(void *opaque, const struct ct_event *event);

/** After the last event: pass on what is left, and tell on standard error what stood, as the options ask for it. */
int ct_reread_end(struct ct_reread *reread);
