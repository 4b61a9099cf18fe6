// SPDX-License-Identifier: Apache-2.0
/* SARIF 2.1.0, with what GitHub's code scanning shows and matches alerts by. */
#include "report/sarif_parts.h"

#include "base/text.h"
#include "report/rules.h"
#include "report/summary.h"

const char *ct_sarif_level(enum ct_severity severity)
{
	static const char *const levels[] = { "note", "warning", "error" };

	return levels[severity];
}

static void write_text(struct ct_json *json, const char *key, const char *text)
{
	ct_json_open(json, key, '{');
	ct_json_string(json, "text", text);
	ct_json_close(json, '}');
}

static void write_rule(struct ct_json *json, enum ct_finding_kind kind)
{
	static const char *const problems[] = { "recommendation", "warning", "error" };
	const struct ct_rule *rule = ct_rule_of(kind);

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "id", ct_finding_name(kind));
	ct_json_string(json, "name", rule->name);
	write_text(json, "shortDescription", rule->summary);
	write_text(json, "fullDescription", rule->summary);
	ct_json_open(json, "help", '{');
	ct_json_string(json, "text", rule->help);
	ct_json_string(json, "markdown", rule->help);
	ct_json_close(json, '}');
	ct_json_open(json, "defaultConfiguration", '{');
	ct_json_string(json, "level", ct_sarif_level(rule->severity));
	ct_json_close(json, '}');
	ct_json_open(json, "properties", '{');
	ct_json_open(json, "tags", '[');
	ct_json_string(json, NULL, "context");
	ct_json_string(json, NULL, rule->severity == CT_SEVERITY_LEAK ? "leak" : "correctness");
	ct_json_close(json, ']');
	ct_json_string(json, "precision", rule->precision);
	ct_json_string(json, "problem.severity", problems[rule->severity]);
	ct_json_close(json, '}');
	ct_json_close(json, '}');
}

static void write_tool(struct ct_json *json)
{
	ct_json_open(json, "tool", '{');
	ct_json_open(json, "driver", '{');
	ct_json_string(json, "name", "ctxtrace");
	ct_json_string(json, "version", CTXTRACE_VERSION);
	ct_json_string(json, "semanticVersion", CTXTRACE_VERSION);
	ct_json_open(json, "rules", '[');
	for (unsigned int kind = 0; kind < CT_FINDING_END; kind++)
		write_rule(json, (enum ct_finding_kind)kind);
	ct_json_close(json, ']');
	ct_json_close(json, '}');
	ct_json_close(json, '}');
}

static void write_notification(struct ct_json *json, const char *level, const char *words)
{
	ct_json_open(json, NULL, '{');
	ct_json_string(json, "level", level);
	write_text(json, "message", words);
	ct_json_close(json, '}');
}

static void add_undecided(struct ct_text *text, const struct ct_undecided *item)
{
	ct_text_add(text, "Undecided: ");
	ct_text_add_grouped(text, item->count);
	ct_text_add(text, " contexts are old and uncancelled, the oldest for ");
	ct_text_add_duration(text, item->oldest_ns);
	ct_text_addf(text, "; %s.", item->why);
}

/* No results is no all-clear while something was lost, left out or undecided. */
static void write_notifications(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const struct ct_findings *findings = snapshot->findings;
	struct ct_text text = { 0 };

	ct_json_open(json, "toolExecutionNotifications", '[');
	if (ct_tree_is_incomplete(snapshot->tree))
		write_notification(json, "warning", "Events were lost or refused: what was seen is incomplete.");
	if (findings->suppressed) {
		ct_text_add_grouped(&text, findings->suppressed);
		ct_text_add(&text, " findings were left out because a suppression file names them.");
		write_notification(json, "note", text.data ? text.data : "");
	}
	if (findings->count > CT_SARIF_RESULTS_MAX)
		write_notification(json, "warning", "There are more findings than code scanning takes; the most expensive "
						    "ones are here.");
	for (size_t i = 0; i < findings->undecided_count && i < CT_SARIF_RESULTS_MAX; i++) {
		ct_text_clear(&text);
		add_undecided(&text, &findings->undecided[i]);
		write_notification(json, "note", text.data ? text.data : "");
	}
	ct_json_close(json, ']');
	json->text->failed |= text.failed;
	ct_text_done(&text);
}

static void write_invocation(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	char start[CT_TIMESTAMP_BYTES];

	ct_json_open(json, "invocations", '[');
	ct_json_open(json, NULL, '{');
	ct_json_bool(json, "executionSuccessful", true);
	if (ct_window_start(snapshot, start))
		ct_json_string(json, "startTimeUtc", start);
	write_notifications(json, snapshot);
	ct_json_close(json, '}');
	ct_json_close(json, ']');
}

/* Where %SRCROOT% is, for viewers that open files; code scanning goes by the checkout. */
static void write_root(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	struct ct_text uri = { 0 };

	ct_json_open(json, "originalUriBaseIds", '{');
	ct_json_open(json, "%SRCROOT%", '{');
	if (snapshot->source_root) {
		ct_text_add(&uri, "file://");
		ct_text_add_uri(&uri, snapshot->source_root);
		ct_text_add(&uri, "/");
		ct_json_string(json, "uri", uri.data);
	}
	write_text(json, "description", "The root of the repository with the program's sources.");
	ct_json_close(json, '}');
	ct_json_close(json, '}');
	json->text->failed |= uri.failed;
	ct_text_done(&uri);
}

/* One category a program, so that the alerts of two do not replace each other. */
static void write_automation(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const char *exe = ct_tree_window(snapshot->tree)->exe;
	struct ct_text id = { 0 };

	ct_text_add(&id, "ctxtrace/");
	ct_text_add_uri(&id, *exe ? ct_base_name(exe) : "unknown");
	ct_text_add(&id, "/");
	ct_json_open(json, "automationDetails", '{');
	ct_json_string(json, "id", id.data ? id.data : "");
	ct_json_close(json, '}');
	json->text->failed |= id.failed;
	ct_text_done(&id);
}

static int write_sarif(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	struct ct_json json = { .text = text };

	ct_json_open(&json, NULL, '{');
	ct_json_string(&json, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	ct_json_string(&json, "version", "2.1.0");
	ct_json_open(&json, "runs", '[');
	ct_json_open(&json, NULL, '{');
	write_tool(&json);
	write_automation(&json, snapshot);
	write_invocation(&json, snapshot);
	write_root(&json, snapshot);
	ct_json_string(&json, "columnKind", "utf16CodeUnits");
	ct_json_open(&json, "results", '[');
	for (size_t i = 0; i < snapshot->findings->count && i < CT_SARIF_RESULTS_MAX; i++)
		ct_sarif_result(&json, snapshot, i);
	ct_json_close(&json, ']');
	ct_json_close(&json, '}');
	ct_json_close(&json, ']');
	ct_json_close(&json, '}');
	ct_text_add(text, "\n");
	return 0;
}

const struct ct_reporter ct_reporter_sarif = {
	.name = "sarif",
	.describe = "for code scanning, SARIF 2.1.0",
	.write = write_sarif,
};
