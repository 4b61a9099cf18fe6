// SPDX-License-Identifier: Apache-2.0
#include "report/rules.h"

static const struct ct_rule rules[CT_FINDING_END] = {
	[CT_FINDING_LOST_CANCEL] = {
		.name = "LostCancel",
		.summary = "A context was made whose cancel function was never called and never will be.",
		.help = "No cancel function for it exists any more, so it stays in its parent until that ends, with "
			"everything it refers to. Call the cancel function on every path, most simply with defer cancel() "
			"right after the context is made.",
		.severity = CT_SEVERITY_LEAK,
		.precision = "very-high",
	},
	[CT_FINDING_LEAKED_TIMER] = {
		.name = "LeakedTimer",
		.summary = "A context with a deadline was never cancelled: its timer holds it until then.",
		.help = "Work that ends before its deadline has to say so: without a call of the cancel function context "
			"and timer stay until the deadline passes. Call it on every path, most simply with defer cancel().",
		.severity = CT_SEVERITY_LEAK,
		.precision = "very-high",
	},
	[CT_FINDING_DEFER_IN_LOOP] = {
		.name = "DeferInLoop",
		.summary = "Cancel functions pile up on the defer list of a function that does not return.",
		.help = "A deferred call waits for the end of its function, not of its loop's round. Move the body of the "
			"loop into a function of its own, or call cancel at the end of each round.",
		.severity = CT_SEVERITY_LEAK,
		.precision = "high",
	},
	[CT_FINDING_UNSTOPPED_AFTER_FUNC] = {
		.name = "UnstoppedAfterFunc",
		.summary = "AfterFunc registrations pile up on a parent that lives on.",
		.help = "Each registration stays in its parent until that ends or its stop function is called. Keep what "
			"AfterFunc returns and call it when the work is done.",
		.severity = CT_SEVERITY_LEAK,
		.precision = "high",
	},
	[CT_FINDING_ORPHANED_CONTEXT] = {
		.name = "OrphanedContext",
		.summary = "The maker of a context has ended, and it is far older than others made at the same place.",
		.help = "Its cancel function still exists, so it may yet be called. See who keeps it, and whether that work "
			"is still wanted.",
		.severity = CT_SEVERITY_WARNING,
		.precision = "medium",
	},
	[CT_FINDING_OUTLIVES_REQUEST] = {
		.name = "OutlivesRequest",
		.summary = "Work that was started for a request goes on after the request has ended.",
		.help = "It holds the request's context and what that refers to. Wait for it before the handler returns, let "
			"it end when the context does, or give it a context of its own (context.WithoutCancel).",
		.severity = CT_SEVERITY_LEAK,
		.precision = "high",
	},
	[CT_FINDING_IGNORED_CANCEL] = {
		.name = "IgnoredCancel",
		.summary = "A context was cancelled, and the work that holds it goes on.",
		.help = "The client is gone or the deadline is over, and nobody wants the answer. Look at the context's Done "
			"channel where the work waits, and hand the context to every call that takes one.",
		.severity = CT_SEVERITY_WARNING,
		.precision = "high",
	},
	[CT_FINDING_UNBOUNDED_REQUEST] = {
		.name = "UnboundedRequest",
		.summary = "A request has been served for long, and nothing bounds it.",
		.help = "There is no deadline on its path nor on a context below it, so a call that blocks holds it for ever. "
			"Give the work a deadline with context.WithTimeout.",
		.severity = CT_SEVERITY_WARNING,
		.precision = "high",
	},
	[CT_FINDING_STALE_PARENT] = {
		.name = "StaleParent",
		.summary = "Contexts are derived from one that ended before.",
		.help = "What is derived from it is cancelled at birth. Hand the context of the work at hand as a parameter "
			"instead of keeping one in a struct.",
		.severity = CT_SEVERITY_WARNING,
		.precision = "high",
	},
	[CT_FINDING_TODO_ROOT] = {
		.name = "TodoRoot",
		.summary = "Contexts are rooted in context.TODO().",
		.help = "Nobody can cancel them from above. Take the caller's context as a parameter.",
		.severity = CT_SEVERITY_HINT,
		.precision = "very-high",
	},
	[CT_FINDING_BACKGROUND_IN_REQUEST] = {
		.name = "BackgroundInRequest",
		.summary = "A task that serves a request makes contexts rooted in context.Background().",
		.help = "They are not cancelled when the client goes away. Derive them from the request's context, or from "
			"context.WithoutCancel of it where they have to live longer.",
		.severity = CT_SEVERITY_WARNING,
		.precision = "high",
	},
	[CT_FINDING_DEEP_CHAIN] = {
		.name = "DeepChain",
		.summary = "A chain of contexts or values goes deep, or gets deeper without end.",
		.help = "Every look-up walks it, and what is below keeps all of it. In a loop derive each round's context "
			"from the one outside of the loop, not from the round before.",
		.severity = CT_SEVERITY_HINT,
		.precision = "high",
	},
};

const struct ct_rule *ct_rule_of(enum ct_finding_kind kind)
{
	return &rules[kind];
}
