// SPDX-License-Identifier: Apache-2.0
#include "golden_case.h"

#include "base/cleanup.h"
#include "base/time.h"

#include <errno.h>
#include <string.h>

#define PATH_BYTES 1024
#define DIRECTIVE "#! "

/* Open a file of the directory, or NULL with errno. */
static FILE *open_in(const char *directory, const char *name, const char *mode)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, mode);
}

int golden_read(const struct golden_case *golden, const char *name, struct ct_text *text)
{
	_ct_fclose_ FILE *file = open_in(golden->directory, name, "re");
	char buffer[4096];
	size_t length;

	if (!file)
		return -errno;
	while ((length = fread(buffer, 1, sizeof(buffer), file)) > 0)
		ct_text_append(text, buffer, length);
	if (ferror(file))
		return -EIO;
	return text->failed ? -ENOMEM : 0;
}

int golden_write(const struct golden_case *golden, const char *name, const struct ct_text *text)
{
	_ct_fclose_ FILE *file = open_in(golden->directory, name, "we");

	if (!file)
		return -errno;
	if (fwrite(text->data, 1, text->length, file) != text->length || fflush(file))
		return -EIO;
	return 0;
}

static int severity_named(const char *name)
{
	for (int severity = CT_SEVERITY_HINT; severity <= CT_SEVERITY_LEAK; severity++)
		if (name && !strcmp(name, ct_severity_name((enum ct_severity)severity)))
			return severity;
	return -1;
}

static int confidence_named(const char *name)
{
	for (int confidence = CT_CONFIDENCE_SUSPECTED; confidence <= CT_CONFIDENCE_CONFIRMED; confidence++)
		if (name && !strcmp(name, ct_confidence_name((enum ct_confidence)confidence)))
			return confidence;
	return -1;
}

/* "lost-cancel:leak:confirmed todo-root:hint:confirmed" or "nothing". */
static int parse_finds(struct golden_case *golden, char *words, struct ct_error *reterr)
{
	char *rest = NULL;

	golden->has_claim = true;
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *parts = word, *name = strsep(&parts, ":");
		int severity = severity_named(strsep(&parts, ":")), confidence = confidence_named(parts);
		enum ct_finding_kind kind;

		if (!strcmp(name, "nothing") && !parts)
			continue;
		if (!ct_finding_kind_from_name(name, &kind) || severity < 0 || confidence < 0)
			return ct_error_set(reterr, -EINVAL, "not KIND:SEVERITY:CONFIDENCE: %s", name);
		golden->finds |= golden_claim((unsigned int)kind, (unsigned int)severity, (unsigned int)confidence);
	}
	return 0;
}

static int parse_directive(struct golden_case *golden, char *line, struct ct_error *reterr)
{
	char *value = strchr(line, ' ');

	if (!value && !strcmp(line, "end"))
		return 0;
	if (!value)
		return ct_error_set(reterr, -EINVAL, "directive %s has no value", line);
	*value++ = '\0';
	if (!strcmp(line, "finds"))
		return parse_finds(golden, value, reterr);
	if (!strcmp(line, "undecided"))
		golden->undecided = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(line, "min-age-ms"))
		golden->min_age_ns = strtoull(value, NULL, 10) * CT_NSEC_PER_MSEC;
	else if (!strcmp(line, "with") && !strcmp(value, "tree"))
		golden->with_tree = true;
	else if (!strcmp(line, "with") && !strcmp(value, "chosen-age"))
		golden->is_age_chosen = true;
	else if (!strcmp(line, "strip-prefix"))
		snprintf(golden->strip_prefix, sizeof(golden->strip_prefix), "%s", value);
	else if (!strcmp(line, "repeat"))
		return 0; // the stream's own, see golden_stream.h
	else
		return ct_error_set(reterr, -EINVAL, "unknown directive %s", line);
	return 0;
}

static int parse_directives(struct golden_case *golden, struct ct_error *reterr)
{
	char line[256];
	int rc = 0;

	for (const char *at = golden->stream.data; at && *at && !rc;) {
		const char *end = strchrnul(at, '\n');
		size_t length = (size_t)(end - at);

		if (length < sizeof(line) && length > sizeof(DIRECTIVE) &&
		    !strncmp(at, DIRECTIVE, sizeof(DIRECTIVE) - 1)) {
			memcpy(line, at, length);
			line[length] = '\0';
			rc = parse_directive(golden, line + sizeof(DIRECTIVE) - 1, reterr);
		}
		at = *end ? end + 1 : end;
	}
	if (!rc && !golden->has_claim)
		rc = ct_error_set(reterr, -EINVAL, "%s: no line '#! finds ...' says what the story means",
				  golden->directory);
	return rc;
}

int golden_case_load(const char *directory, struct golden_case *ret_case, struct ct_error *reterr)
{
	struct golden_case golden = { .directory = directory, .min_age_ns = 10 * CT_NSEC_PER_SEC };
	int rc = golden_read(&golden, "stream.events", &golden.stream);

	if (rc)
		ct_error_set(reterr, rc, "cannot read %s/stream.events: %s", directory, strerror(-rc));
	else
		rc = parse_directives(&golden, reterr);
	if (rc) {
		golden_case_done(&golden);
		return rc;
	}
	*ret_case = golden;
	return 0;
}

void golden_case_done(struct golden_case *golden)
{
	ct_text_done(&golden->stream);
}
