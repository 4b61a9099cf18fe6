// SPDX-License-Identifier: Apache-2.0
#include "report/suppress.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define RULES_MAX 10000
#define LINE_BYTES_MAX 4096
#define COMMENT_BYTES_MAX (1 << 20)

/* One line: `kind` CT_FINDING_END stands for every kind. */
struct rule {
	enum ct_finding_kind kind;
	char *pattern;
};

struct ct_suppressions {
	struct rule *rules;
	size_t count;
};

void ct_suppressions_free(struct ct_suppressions *suppressions)
{
	for (size_t i = 0; suppressions && i < suppressions->count; i++)
		free(suppressions->rules[i].pattern);
	if (suppressions)
		free(suppressions->rules);
	free(suppressions);
}

static int add_rule(struct ct_suppressions *suppressions, const struct rule *rule)
{
	struct rule *rules;

	if (suppressions->count == RULES_MAX)
		return -E2BIG;
	rules = reallocarray(suppressions->rules, suppressions->count + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	suppressions->rules = rules;
	rules[suppressions->count] = *rule;
	rules[suppressions->count].pattern = strdup(rule->pattern);
	if (!rules[suppressions->count].pattern)
		return -ENOMEM;
	suppressions->count++;
	return 0;
}

/* Where a file is being read, for errors. */
struct place {
	const char *path;
	int line;
	struct ct_error *reterr;
};

static int refuse_kind(const struct place *place, const char *kind)
{
	return ct_error_set(place->reterr, -EINVAL,
			    "%s, line %d: \"%.40s\" is no kind of finding; there are *" CT_FINDING_LIST, place->path,
			    place->line, kind);
}

static int refuse_line(const struct place *place)
{
	ct_error_set(place->reterr, -EINVAL, "%s, line %d: not KIND PATTERN, two words", place->path, place->line);
	ct_error_hint(place->reterr, "for example: lost-cancel example.com/lib.*");
	return -EINVAL;
}

static int take_line(struct ct_suppressions *suppressions, char *line, const struct place *place)
{
	struct rule rule = { .kind = CT_FINDING_END };
	char *kind, *rest = NULL;
	int rc;

	line[strcspn(line, "#\n")] = '\0';
	kind = strtok_r(line, " \t\r", &rest);
	if (!kind)
		return 0;
	rule.pattern = strtok_r(NULL, " \t\r", &rest);
	if (strcmp(kind, "*") && !ct_finding_kind_from_name(kind, &rule.kind))
		return refuse_kind(place, kind);
	if (!rule.pattern || strtok_r(NULL, " \t\r", &rest)) // a blank in a name is a ? in the pattern
		return refuse_line(place);
	rc = add_rule(suppressions, &rule);
	return rc ? ct_error_set(place->reterr, rc, "%s, line %d: %s", place->path, place->line, strerror(-rc)) : 0;
}

/* A line longer than its buffer is no rule, and its rest is none of its own; a comment may be long, but not endless. */
static int skip_rest(const char *line, FILE *file, const struct place *place)
{
	if (line[strspn(line, " \t")] != '#')
		return refuse_line(place);
	for (size_t i = 0; i < COMMENT_BYTES_MAX; i++) {
		int character = getc(file);

		if (character == EOF || character == '\n')
			return 0;
	}
	return refuse_line(place);
}

int ct_suppressions_load(const char *path, struct ct_suppressions **ret, struct ct_error *reterr)
{
	_ct_fclose_ FILE *file = fopen(path, "re");
	struct place place = { .path = path, .reterr = reterr };
	struct ct_suppressions *suppressions;
	char line[LINE_BYTES_MAX];
	int rc = 0;

	if (!file)
		return ct_error_set(reterr, -errno, "cannot read suppressions from %s: %s", path, strerror(errno));
	suppressions = calloc(1, sizeof(*suppressions));
	if (!suppressions)
		return ct_error_set(reterr, -ENOMEM, "no memory for suppressions");
	while (!rc && fgets(line, sizeof(line), file)) {
		bool is_whole = strchr(line, '\n') || feof(file);

		place.line++;
		rc = is_whole ? take_line(suppressions, line, &place) : skip_rest(line, file, &place);
	}
	if (!rc && ferror(file))
		rc = ct_error_set(reterr, -EIO, "cannot read suppressions from %s: %s", path, strerror(errno));
	if (rc)
		ct_suppressions_free(suppressions);
	else
		*ret = suppressions;
	return rc;
}

bool ct_suppressions_match(const struct ct_suppressions *suppressions, const struct ct_tree *tree,
			   const struct ct_finding *finding)
{
	const struct ct_site *site = ct_tree_site(tree, finding->site);

	for (size_t i = 0; site && i < suppressions->count; i++) {
		const struct rule *rule = &suppressions->rules[i];
		struct ct_frame frame;
		uint32_t cursor = 0;

		if (rule->kind != CT_FINDING_END && rule->kind != finding->kind)
			continue;
		while (ct_frame_next(site, &cursor, &frame))
			if (!fnmatch(rule->pattern, frame.function, 0))
				return true;
	}
	return false;
}
