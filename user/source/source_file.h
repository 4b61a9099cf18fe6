// SPDX-License-Identifier: Apache-2.0
/*
 * A recording as a source. One drain reads the whole file; damage anywhere is an error of that drain, so a caller that
 * prints only after it has drained never shows half a truth.
 */
#pragma once

#include "ctxtrace/source.h"

/**
 * Open a recording.
 *
 * @return 0; -ENOMSG when the file is no recording or was written by a newer version; negative errno otherwise.
 */
int ct_source_file_open(const char *path, struct ct_source **ret_source, struct ct_error *reterr);
