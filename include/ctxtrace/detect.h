// SPDX-License-Identifier: Apache-2.0
/*
 * Detectors: pure functions from a tree and a time to findings.
 *
 * A finding must convince the owner of the code. Each detector is one file in user/detect named after its finding, one
 * row in its table, and one golden case that finds it and one that does not. They read the tree and nothing else.
 */
#pragma once

#include "ctxtrace/tree.h"

/** CT_FINDING(NAME, "kind in reports", "title for people"). Kinds are fixed by the contract; order is table order. */
#define CT_FINDING_CATALOGUE(CT_FINDING)                  \
	CT_FINDING(LOST_CANCEL, "lost-cancel")            \
	CT_FINDING(LEAKED_TIMER, "leaked-timer")          \
	CT_FINDING(DEFER_IN_LOOP, "defer-in-loop")        \
	CT_FINDING(UNSTOPPED_AFTER_FUNC, "unstopped-after-func") \
	CT_FINDING(ORPHANED_CONTEXT, "orphaned-context")  \
	CT_FINDING(OUTLIVES_REQUEST, "outlives-request")  \
	CT_FINDING(IGNORED_CANCEL, "ignored-cancel")      \
	CT_FINDING(UNBOUNDED_REQUEST, "unbounded-request") \
	CT_FINDING(STALE_PARENT, "stale-parent")          \
	CT_FINDING(TODO_ROOT, "todo-root")                \
	CT_FINDING(BACKGROUND_IN_REQUEST, "background-in-request") \
	CT_FINDING(DEEP_CHAIN, "deep-chain")

/** Finding kinds. */
enum ct_finding_kind {
#define CT_FINDING_ENUM(name, text) CT_FINDING_##name,
	CT_FINDING_CATALOGUE(CT_FINDING_ENUM)
#undef CT_FINDING_ENUM
	CT_FINDING_END,
};

/** Every kind, for who named one that there is not: ", lost-cancel, leaked-timer, ...". */
#define CT_FINDING_LISTED(name, text) ", " text
#define CT_FINDING_LIST CT_FINDING_CATALOGUE(CT_FINDING_LISTED)

/** How bad it is. `leak`: really retained; `warning`: wrong but bounded. */
enum ct_severity { CT_SEVERITY_HINT, CT_SEVERITY_WARNING, CT_SEVERITY_LEAK };

/** `confirmed` is proven; `suspected` only when evidence was weakened, and for orphaned contexts. */
enum ct_confidence { CT_CONFIDENCE_SUSPECTED, CT_CONFIDENCE_CONFIRMED };

/** What --baseline says of a finding. `worse`: known, but not as severe, or not at so many places. */
enum ct_baseline_mark { CT_BASELINE_NONE, CT_BASELINE_KNOWN, CT_BASELINE_NEW, CT_BASELINE_WORSE, CT_BASELINE_END };

/** Examples carried by a finding. */
#define CT_EXAMPLES_MAX 3

/** Room for one sentence. */
#define CT_SENTENCE_BYTES 320

/** Routes of requests a finding names. */
#define CT_ROUTES_SHOWN 3

/** What a finding counts. */
enum ct_subject { CT_SUBJECT_CONTEXTS, CT_SUBJECT_TASKS, CT_SUBJECT_REQUESTS };

/** One finding: all contexts, tasks or requests of one kind of trouble made at one site. */
struct ct_finding {
	enum ct_finding_kind kind;
	enum ct_severity severity;
	enum ct_confidence confidence;
	enum ct_subject subject;
	uint32_t site;	       /**< Index of the creation site; CT_SITE_UNKNOWN for contexts older than the attach. */
	uint32_t at;	       /**< Tasks and requests: site of where the one at it for the longest is now; CT_SITE_UNKNOWN. */
	uint32_t routes[CT_ROUTES_SHOWN]; /**< What their requests ask for: ct_tree_route(). */
	uint32_t routes_count; /**< More than CT_ROUTES_SHOWN: others besides those. */
	uint8_t context_kind;  /**< With an unknown site, kind and parent are what is known (the report's `group`). */
	uint64_t parent_id;    /**< Parent shared by all, 0 when they have several or none. */
	uint64_t count;	       /**< Contexts the finding speaks of, ended ones too where the proof outlives them. */
	uint64_t live;	       /**< Of these still alive. */
	uint64_t oldest_ns;    /**< Age of the oldest, or the lifetime of one that ended, whichever is longer. */
	uint64_t rate_per_min_milli; /**< Contexts per minute, times 1000: integers compare exactly. */
	uint8_t retained_by;   /**< CT_RETAINED_ bits, all that occur. */
	uint64_t retained_bytes; /**< Estimate; of the live ones. */
	uint32_t examples[CT_EXAMPLES_MAX]; /**< Context indices, oldest first. */
	uint32_t examples_count;
	char evidence[CT_SENTENCE_BYTES]; /**< Which rule, which times. One sentence. */
	char advice[CT_SENTENCE_BYTES];	  /**< What to do. One sentence. */
	uint64_t fingerprint; /**< Kind and function names; stable across runs and rebuilds. */
	enum ct_baseline_mark baseline; /**< CT_BASELINE_NONE: none was given. No detector sets it. */
};

/** Old and uncancelled, but the proof is not in yet. */
struct ct_undecided {
	uint32_t site;
	uint8_t context_kind;
	uint64_t count;
	uint64_t oldest_ns;
	char why[CT_SENTENCE_BYTES];
};

/** Result of a run, in the order a report shows it (most expensive first). Release with ct_findings_done(). */
struct ct_findings {
	struct ct_finding *list;
	size_t count;
	struct ct_undecided *undecided;
	size_t undecided_count;
	uint64_t suppressed; /**< Left out because of --suppress. */
	uint64_t young_lost; /**< Live contexts that memory proves lost, and that are too young to be spoken of. */
	const struct ct_allocator *allocator;
};

/** What the user chose. */
struct ct_detect_options {
	uint64_t min_age_ns; /**< How old a live context must be before a finding may speak of it. */
	uint64_t grace_ns;   /**< How long work may go on after its request or context ended. */
	bool is_age_chosen;  /**< The user chose `min_age_ns`: it holds for what a stopped target proves, too. */
	/** Leave this finding out? NULL: keep all. */
	bool (*is_suppressed)(void *opaque, const struct ct_tree *tree, const struct ct_finding *finding);
	void *opaque;
};

/**
 * Run every detector.
 *
 * @param tree          The model, borrowed.
 * @param now_ns        Time of the judgement, CLOCK_MONOTONIC of the stream (its last tick or end).
 * @param options       The user's choice.
 * @param allocator     For the result.
 * @param ret_findings  The result.
 * @return 0 or -ENOMEM.
 */
int ct_detect_run(const struct ct_tree *tree, uint64_t now_ns, const struct ct_detect_options *options,
		  const struct ct_allocator *allocator, struct ct_findings *ret_findings);

/** Kinds of findings as a set: a bit per enum ct_finding_kind, and these two above them. */
#define CT_KINDS_LEAK (1u << 30) /**< Whatever is a leak. */
#define CT_KINDS_ANY (1u << 31)

/** @return true when the finding is confirmed and of one of these kinds: what --fail-on means. */
bool ct_finding_fails(const struct ct_finding *finding, uint32_t kinds);

/** Release findings. Zeroed ones are fine. */
void ct_findings_done(struct ct_findings *findings);

/** @return the kind's name in reports ("lost-cancel"). */
const char *ct_finding_name(enum ct_finding_kind kind);

/** @return true and the kind when `name` is one of the kinds. */
bool ct_finding_kind_from_name(const char *name, enum ct_finding_kind *ret_kind);

/** @return "hint", "warning" or "leak". */
const char *ct_severity_name(enum ct_severity severity);

/** @return "known", "new" or "worse"; NULL without a baseline. */
const char *ct_baseline_mark_name(enum ct_baseline_mark mark);

/** @return "suspected" or "confirmed". */
const char *ct_confidence_name(enum ct_confidence confidence);
