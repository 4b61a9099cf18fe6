// SPDX-License-Identifier: Apache-2.0
#include "golden_rules.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 100

static int broken(const char *directory, const char *rule, size_t line)
{
	fprintf(stderr, "%s: line %zu of the report: %s\n", directory, line, rule);
	return 1;
}

static int check_lines(const char *directory, const char *text)
{
	size_t line = 1, column = 0, length;

	for (const char *at = text; *at; at += length) {
		length = ct_utf8_length(at, strlen(at));
		if (!length)
			return broken(directory, "no valid UTF-8", line);
		if (*at == '\n') {
			line++;
			column = 0;
			continue;
		}
		if ((unsigned char)*at < ' ' || *at == 0x7f || ((unsigned char)*at == 0xc2 && (unsigned char)at[1] < 0xa0))
			return broken(directory, "a control character", line);
		if (++column > COLUMNS_MAX)
			return broken(directory, "over 100 columns", line);
	}
	return column ? broken(directory, "does not end with a newline", line) : 0;
}

static bool has_leak(const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].severity == CT_SEVERITY_LEAK)
			return true;
	return false;
}

int golden_rules_text(const char *directory, const char *text, const struct ct_findings *findings)
{
	bool promises = strstr(text, "no leaks\n");

	if (promises && (has_leak(findings) || findings->undecided_count))
		return broken(directory, "\"no leaks\" although there are, or may be", 0);
	return check_lines(directory, text);
}

int golden_rules_json(const char *directory, const char *text, const struct ct_findings *findings)
{
	json_error_t error;
	json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	const char *schema = json_string_value(json_object_get(report, "schema"));
	size_t told = json_array_size(json_object_get(report, "findings"));
	size_t undecided = json_array_size(json_object_get(report, "undecided"));
	int rc = 0;

	if (!report)
		rc = broken(directory, error.text, (size_t)error.line);
	else if (!schema || strcmp(schema, "ctxtrace-report/1"))
		rc = broken(directory, "not of schema ctxtrace-report/1", 1);
	else if (told != findings->count || undecided != findings->undecided_count)
		rc = broken(directory, "other findings than the detectors gave", 1);
	json_decref(report);
	return rc;
}

int golden_rules(const char *directory, const char *format, const struct ct_text *text,
		 const struct ct_findings *findings)
{
	if (!strcmp(format, "text"))
		return golden_rules_text(directory, text->data, findings);
	if (!strcmp(format, "json"))
		return golden_rules_json(directory, text->data, findings);
	if (!strcmp(format, "folded"))
		return golden_rules_folded(directory, text, findings);
	if (!strcmp(format, "sarif"))
		return golden_rules_sarif(directory, text->data, findings);
	if (!strcmp(format, "junit"))
		return golden_rules_junit(directory, text);
	if (!strcmp(format, "trace"))
		return golden_rules_trace(directory, text->data);
	return 0;
}
