// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/report.h"

#include <stddef.h>

extern const struct ct_reporter ct_reporter_text;
extern const struct ct_reporter ct_reporter_json;

const struct ct_reporter *const ct_reporters[] = {
	&ct_reporter_text,
	&ct_reporter_json,
	NULL,
};
