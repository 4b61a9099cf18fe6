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

static int take_line(struct ct_suppressions *suppressions, char *line)
{
	struct rule rule = { .kind = CT_FINDING_END };
	char *kind, *rest = NULL;

	line[strcspn(line, "#\n")] = '\0';
	kind = strtok_r(line, " \t\r", &rest);
	if (!kind)
		return 0;
	rule.pattern = strtok_r(NULL, " \t\r", &rest);
	if (!rule.pattern || (strcmp(kind, "*") && !ct_finding_kind_from_name(kind, &rule.kind)))
		return -EINVAL;
	return add_rule(suppressions, &rule);
}

/* A line longer than its buffer is no rule, and its rest is none of its own; a comment may be long, but not endless. */
static int skip_rest(const char *line, FILE *file)
{
	if (line[strspn(line, " \t")] != '#')
		return -EINVAL;
	for (size_t i = 0; i < COMMENT_BYTES_MAX; i++) {
		int character = getc(file);

		if (character == EOF || character == '\n')
			return 0;
	}
	return -EINVAL;
}

int ct_suppressions_load(const char *path, struct ct_suppressions **ret, struct ct_error *reterr)
{
	_ct_fclose_ FILE *file = fopen(path, "re");
	struct ct_suppressions *suppressions;
	char line[LINE_BYTES_MAX];
	int rc = 0;

	if (!file)
		return ct_error_set(reterr, -errno, "cannot read suppressions from %s: %s", path, strerror(errno));
	suppressions = calloc(1, sizeof(*suppressions));
	if (!suppressions)
		return ct_error_set(reterr, -ENOMEM, "no memory for suppressions");
	for (int number = 1; !rc && fgets(line, sizeof(line), file); number++) {
		bool is_whole = strchr(line, '\n') || feof(file);

		rc = is_whole ? take_line(suppressions, line) : skip_rest(line, file);
		if (rc == -EINVAL) {
			ct_error_set(reterr, rc, "%s, line %d: not KIND PATTERN with a kind of finding", path, number);
			ct_error_hint(reterr, "for example: lost-cancel example.com/lib.*");
		} else if (rc) {
			ct_error_set(reterr, rc, "%s, line %d: %s", path, number, strerror(-rc));
		}
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
