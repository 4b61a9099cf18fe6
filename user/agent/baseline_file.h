// SPDX-License-Identifier: Apache-2.0
/*
 * The file of --write-baseline. Opened before anything is attached, so that an unwritable one is told at once; an older
 * one keeps its content until there is a new one, and where there was none, none is left behind by a run that failed.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/error.h"

/** The file, opened. */
struct ct_baseline_file;

/** Open it. @return 0 or negative errno, told in reterr. */
int ct_baseline_file_open(const char *path, struct ct_baseline_file **ret_file, struct ct_error *reterr);

/** Replace what it holds. @return 0 or negative errno. */
int ct_baseline_file_write(struct ct_baseline_file *file, const struct ct_text *text);

/** Close it. NULL is fine. */
void ct_baseline_file_free(struct ct_baseline_file *file);
