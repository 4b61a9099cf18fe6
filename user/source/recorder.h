// SPDX-License-Identifier: Apache-2.0
/* Writes the event stream to a file that `ctxtrace replay` reads. */
#pragma once

#include "ctxtrace/source.h"

/** A recording under way. */
struct ct_recorder;

/**
 * Open the file. It keeps what it held until the first event, and is gone again when none came and it was not there.
 *
 * @param is_private  It will hold memory of the target: nobody but its owner may read it.
 * @return 0 or negative errno, told in reterr.
 */
int ct_recorder_open(const char *path, bool is_private, struct ct_recorder **ret_recorder, struct ct_error *reterr);

/** Append one event. @return 0 or negative errno; after a failure the recording is worthless. */
int ct_recorder_write(struct ct_recorder *recorder, const struct ct_event *event);

/** Write the end and see all of it on its way to the disk. @return 0 or negative errno. */
int ct_recorder_finish(struct ct_recorder *recorder);

/** Release it; without ct_recorder_finish() the file is left as a cut recording. NULL is fine. */
void ct_recorder_free(struct ct_recorder *recorder);
