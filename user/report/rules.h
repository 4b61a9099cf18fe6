// SPDX-License-Identifier: Apache-2.0
/* What each kind of finding means, in the words that code scanning shows beside it. */
#pragma once

#include "ctxtrace/detect.h"

/** One kind of finding, as a rule. */
struct ct_rule {
	const char *name;    /**< "LostCancel". */
	const char *summary; /**< One sentence. */
	const char *help;    /**< What it does to the program, and how it is mended. */
	enum ct_severity severity; /**< What it is when nothing is known to make it milder. */
	const char *precision; /**< GitHub's word for how often it is right. */
};

/** @return the rule of a kind. */
const struct ct_rule *ct_rule_of(enum ct_finding_kind kind);
