// SPDX-License-Identifier: Apache-2.0
/* What every report must keep, whatever the story is. Each prints what is broken and returns 1, or 0. */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"

/** The rules of a format, whichever it is. */
int golden_rules(const char *directory, const char *format, const struct ct_text *text,
		 const struct ct_findings *findings);

/**
 * The text: no line over 100 columns, no control character but the newline, valid UTF-8, and "no leaks" only while no
 * leak was found and nothing is undecided.
 */
int golden_rules_text(const char *directory, const char *text, const struct ct_findings *findings);

/** The JSON: it parses, has its schema, and as many findings and undecided as the detectors gave. */
int golden_rules_json(const char *directory, const char *text, const struct ct_findings *findings);

/** A line a finding: a stack without blanks, one blank, a number. */
int golden_rules_folded(const char *directory, const struct ct_text *text, const struct ct_findings *findings);

/** SARIF: it parses, has a result for each finding, of a rule that is there, at a place that is one. */
int golden_rules_sarif(const char *directory, const char *text, const struct ct_findings *findings);

/** JUnit: elements are closed in order, references are known, nothing but characters that XML allows. */
int golden_rules_junit(const char *directory, const struct ct_text *text);

/** The trace: it parses, and on each lane lives are apart or within each other. */
int golden_rules_trace(const char *directory, const char *text);
