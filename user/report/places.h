// SPDX-License-Identifier: Apache-2.0
/*
 * Where a source file stands in its repository: reports that a repository shows (SARIF, JUnit) name files from its
 * root.
 *
 * In the repository are files below --source-root, those whose names begin with --strip-prefix (the module's path,
 * where Go was told -trimpath; a version behind it, as in "example.com/app@v1.2.0/main.go", belongs to it), and,
 * where no prefix is given, relative names that are neither the standard library's nor of another module.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** A file's name for a report. Borrowed from the frame. */
struct ct_place {
	const char *path; /**< From the repository's root, or as the binary has it; "" unknown. */
	bool is_in_repository;
};

/** @return where the file of a frame stands. */
struct ct_place ct_place_of(const struct ct_snapshot *snapshot, const struct ct_frame *frame);

/**
 * The frame that a repository is shown for a site: the innermost one with a file of its own, else with any file.
 * @return false when no frame has one, as at a site nobody saw.
 */
bool ct_place_frame(const struct ct_snapshot *snapshot, uint32_t site, struct ct_frame *ret);

/** Add a path as a part of a URI: whatever is in it, the result is one. */
void ct_text_add_uri(struct ct_text *text, const char *path);
