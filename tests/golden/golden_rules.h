// SPDX-License-Identifier: Apache-2.0
/* What every report must keep, whatever the story is. Each prints what is broken and returns 1, or 0. */
#pragma once

#include "ctxtrace/detect.h"

/**
 * The text: no line over 100 columns, no control character but the newline, valid UTF-8, and "no leaks" only while no
 * leak was found and nothing is undecided.
 */
int golden_rules_text(const char *directory, const char *text, const struct ct_findings *findings);

/** The JSON: it parses, has its schema, and as many findings and undecided as the detectors gave. */
int golden_rules_json(const char *directory, const char *text, const struct ct_findings *findings);
