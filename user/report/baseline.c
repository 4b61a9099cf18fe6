// SPDX-License-Identifier: Apache-2.0
#include "report/baseline.h"

#include "base/cleanup.h"
#include "report/baseline_entries.h"

#include <errno.h>
#include <string.h>

#define LINE_BYTES_MAX 4096

struct ct_baseline {
	struct ct_entries entries;
	uint64_t counts[CT_BASELINE_END];
};

void ct_baseline_free(struct ct_baseline *baseline)
{
	if (baseline)
		ct_entries_done(&baseline->entries);
	free(baseline);
}

/* A word that ends at the next blank, or NULL. What is behind it is left in *rest. */
static char *take_word(char **rest)
{
	char *word;

	*rest += strspn(*rest, " \t");
	word = strsep(rest, " \t");
	return word && *word ? word : NULL;
}

static bool take_number(const char *word, int base, size_t digits, uint64_t *ret)
{
	static const char all[] = "0123456789abcdef";
	size_t length = word ? strlen(word) : 0;

	if (!length || length > digits || strspn(word, base == 16 ? all : "0123456789") != length)
		return false;
	*ret = strtoull(word, NULL, base);
	return true;
}

static bool take_severity(const char *word, enum ct_severity *ret)
{
	for (int severity = CT_SEVERITY_HINT; word && severity <= CT_SEVERITY_LEAK; severity++) {
		*ret = (enum ct_severity)severity;
		if (!strcmp(word, ct_severity_name(*ret)))
			return true;
	}
	return false;
}

static int take_line(struct ct_entries *entries, char *line)
{
	char *rest = line, *kind, *severity, *fingerprint, *places;
	struct ct_entry entry = { 0 };

	line[strcspn(line, "\r\n")] = '\0';
	if (!line[strspn(line, " \t")] || *line == '#')
		return 0;
	kind = take_word(&rest);
	severity = rest ? take_word(&rest) : NULL;
	fingerprint = rest ? take_word(&rest) : NULL;
	places = rest ? take_word(&rest) : NULL;
	if (!kind || !ct_finding_kind_from_name(kind, &entry.kind) || !take_severity(severity, &entry.severity) ||
	    !fingerprint || strlen(fingerprint) != 16 || !take_number(fingerprint, 16, 16, &entry.fingerprint) ||
	    !take_number(places, 10, 6, &entry.places) || !rest)
		return -EINVAL;
	entry.site = rest + strspn(rest, " \t");
	return *entry.site ? ct_entries_add(entries, &entry) : -EINVAL;
}

/* The first line says what the file is: a report or a list of rules given by mistake is none. */
static int take_head(FILE *file, const char *path, struct ct_error *reterr)
{
	char line[sizeof(CT_BASELINE_HEAD) + 1] = "";

	if (fgets(line, sizeof(line), file) && !strncmp(line, CT_BASELINE_HEAD, strlen(CT_BASELINE_HEAD))) {
		for (int byte = 0; !strchr(line, '\n') && byte != '\n' && byte != EOF;)
			byte = getc(file);
		return 0;
	}
	if (ferror(file))
		return ct_error_set(reterr, -EIO, "cannot read the baseline %s: %s", path, strerror(errno));
	ct_error_set(reterr, -EINVAL, "%s is no baseline of ctxtrace: it does not begin with \"" CT_BASELINE_HEAD "\"",
		     path);
	ct_error_hint(reterr, "--write-baseline makes one");
	return -EINVAL;
}

static int take_lines(struct ct_entries *entries, FILE *file, const char *path, struct ct_error *reterr)
{
	char line[LINE_BYTES_MAX];
	int rc = 0;

	for (int number = 2; !rc && fgets(line, sizeof(line), file); number++) {
		bool is_whole = strchr(line, '\n') || feof(file);

		rc = is_whole ? take_line(entries, line) : -EINVAL;
		if (rc == -EINVAL) {
			ct_error_set(reterr, rc, "%s, line %d: not KIND SEVERITY FINGERPRINT PLACES SITE", path,
				     number);
			ct_error_hint(reterr, "take the line out, or make the file anew with --write-baseline");
		} else if (rc) {
			ct_error_set(reterr, rc, "%s, line %d: %s", path, number,
				     rc == -E2BIG ? "more than a baseline holds" : strerror(-rc));
		}
	}
	if (!rc && ferror(file))
		rc = ct_error_set(reterr, -EIO, "cannot read the baseline %s: %s", path, strerror(errno));
	return rc;
}

int ct_baseline_load(const char *path, struct ct_baseline **ret_baseline, struct ct_error *reterr)
{
	_ct_fclose_ FILE *file = fopen(path, "re");
	struct ct_baseline *baseline;
	int rc;

	if (!file) {
		ct_error_set(reterr, -errno, "cannot read the baseline %s: %s", path, strerror(errno));
		ct_error_hint(reterr, "--write-baseline makes one");
		return -errno;
	}
	baseline = calloc(1, sizeof(*baseline));
	if (!baseline)
		return ct_error_set(reterr, -ENOMEM, "no memory for the baseline %s", path);
	rc = take_head(file, path, reterr) ?: take_lines(&baseline->entries, file, path, reterr);
	if (rc) {
		ct_baseline_free(baseline);
		return rc;
	}
	ct_entries_sort(&baseline->entries);
	*ret_baseline = baseline;
	return 0;
}

/* Of an unknown site there is nothing but the kind of its contexts: how many places it is nobody can tell. */
static enum ct_baseline_mark mark_of(const struct ct_entry *now, const struct ct_entry *known)
{
	if (!known)
		return CT_BASELINE_NEW;
	if (now->severity > known->severity)
		return CT_BASELINE_WORSE;
	return now->places > known->places && !now->is_unknown ? CT_BASELINE_WORSE : CT_BASELINE_KNOWN;
}

int ct_baseline_mark(struct ct_baseline *baseline, const struct ct_tree *tree, struct ct_findings *findings)
{
	struct ct_entries now = { 0 };
	int rc = ct_entries_of(&now, tree, findings);

	if (rc)
		return rc;
	memset(baseline->counts, 0, sizeof(baseline->counts));
	for (size_t i = 0; i < baseline->entries.count; i++)
		baseline->entries.list[i].is_seen = false;
	for (size_t i = 0; i < findings->count; i++) {
		struct ct_finding *finding = &findings->list[i];
		struct ct_entry *known = ct_entries_find(&baseline->entries, finding->fingerprint);
		struct ct_entry as_found = *ct_entries_find(&now, finding->fingerprint);

		as_found.severity = finding->severity;
		finding->baseline = mark_of(&as_found, known);
		baseline->counts[finding->baseline]++;
		if (known)
			known->is_seen = true;
	}
	ct_entries_done(&now);
	return 0;
}

uint64_t ct_baseline_count(const struct ct_baseline *baseline, enum ct_baseline_mark mark)
{
	return baseline->counts[mark];
}

uint64_t ct_baseline_unseen_count(const struct ct_baseline *baseline)
{
	uint64_t count = 0;

	for (size_t i = 0; i < baseline->entries.count; i++)
		count += !baseline->entries.list[i].is_seen;
	return count;
}

bool ct_baseline_unseen(const struct ct_baseline *baseline, size_t *cursor, struct ct_baseline_entry *ret_entry)
{
	const struct ct_entry *entry;

	while (*cursor < baseline->entries.count && baseline->entries.list[*cursor].is_seen)
		++*cursor;
	if (*cursor == baseline->entries.count)
		return false;
	entry = &baseline->entries.list[(*cursor)++];
	*ret_entry = (struct ct_baseline_entry){ entry->kind, entry->severity, entry->fingerprint, entry->site };
	return true;
}

int ct_baseline_render(const struct ct_baseline *known, const struct ct_tree *tree, const struct ct_findings *findings,
		       struct ct_text *text)
{
	struct ct_entries entries = { 0 };
	int rc = ct_entries_of(&entries, tree, findings);

	for (size_t i = 0; !rc && known && i < known->entries.count; i++)
		rc = ct_entries_add(&entries, &known->entries.list[i]);
	if (!rc) {
		ct_entries_sort(&entries);
		ct_entries_render(&entries, text);
		rc = text->failed ? -ENOMEM : 0;
	}
	ct_entries_done(&entries);
	return rc;
}
