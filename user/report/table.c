// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/report.h"

#include <stddef.h>
#include <string.h>

extern const struct ct_reporter ct_reporter_text;
extern const struct ct_reporter ct_reporter_json;
extern const struct ct_reporter ct_reporter_pprof;
extern const struct ct_reporter ct_reporter_folded;
extern const struct ct_reporter ct_reporter_sarif;
extern const struct ct_reporter ct_reporter_junit;
extern const struct ct_reporter ct_reporter_trace;

const struct ct_reporter *const ct_reporters[] = {
	&ct_reporter_text,
	&ct_reporter_json,
	&ct_reporter_pprof,
	&ct_reporter_folded,
	&ct_reporter_sarif,
	&ct_reporter_junit,
	&ct_reporter_trace,
	NULL,
};

const struct ct_reporter *ct_reporter_find(const char *name)
{
	for (size_t i = 0; ct_reporters[i]; i++)
		if (!strcmp(ct_reporters[i]->name, name))
			return ct_reporters[i];
	return NULL;
}
