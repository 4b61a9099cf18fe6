// SPDX-License-Identifier: Apache-2.0
/* The JSON report as a reviewer reads it: one line a member, small objects on one line. */
#pragma once

#include "base/text.h"

/** Add the JSON with line breaks and indentation; every other byte stays as it is. */
void golden_add_json(struct ct_text *text, const char *json);
