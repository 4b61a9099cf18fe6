// SPDX-License-Identifier: Apache-2.0
/*
 * What a detector is, and the facts about contexts that several of them need.
 *
 * A detector answers three questions: does this context show my trouble (claims), is what was gathered at one site
 * enough for a finding and how bad is it (judge), and which sentences convince the owner (explain). Walking, grouping,
 * examples, rates, order and fingerprints are the same for all and live in run.c, groups.c and findings.c.
 *
 * To add a detector: its kind in CT_FINDING_CATALOGUE, one file named after it, one row in table.c, a golden case that
 * finds it and one that does not.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"
#include "ctxtrace/work.h"

/** What all detectors look at. */
struct ct_detect_input {
	const struct ct_tree *tree;
	const struct ct_window *window;
	const struct ct_totals *totals;
	const struct ct_detect_options *options;
	uint64_t now_ns;
	/** Per site: p99 lifetime; 0 while fewer than CT_LIFETIMES_MIN ended in a way that was seen. */
	const uint64_t *lifetime_p99_ns;
	/** Events were lost and nobody knows when, so every context may have missed one. */
	bool is_weakened;
	/** Per request: some live context below it has a deadline. NULL without requests. */
	const bool *bounded_requests;
};

/** How a context shows a trouble. */
struct ct_claim {
	uint64_t anchor; /**< Where it piles up: id of the parent, task; 0 when this does not split the site. */
	bool is_weak;	 /**< Lost events weaken the evidence: at most suspected. */
	const struct ct_losses *ended; /**< A site's: ended, and counted all the same. NULL: none. */
};

/** How work shows a trouble: a task, or a request. */
struct ct_work {
	uint32_t site;	   /**< Where it was started. */
	uint32_t at;	   /**< Where it is now; CT_SITE_UNKNOWN. */
	uint64_t since_ns; /**< When the trouble began: its request was over, its context ended. */
	uint32_t request;  /**< Index of its request. */
	uint32_t route;	   /**< What that asks for; 0 unknown. */
	uint32_t entry;	   /**< A thread's: the function it began with; CT_SITE_UNKNOWN. */
	bool is_handler;   /**< The task that serves the request. */
	bool is_open;	   /**< Memory has not been asked about it, but about others that were started there. */
	bool is_by_parentage; /**< It was started while the request was served, and no context of it is known to be held. */
	bool is_weak;
};

/** Contexts of one detector, site and anchor. Weak and proven ones are never mixed. */
struct ct_group {
	uint8_t detector; /**< Row in the table. */
	uint8_t context_kind;
	bool is_weak;
	bool has_parent;     /**< `parent_id` was set. */
	bool has_parents;    /**< Several parents. */
	bool is_in_request;  /**< One of them hangs below a request. */
	uint8_t retained_by; /**< All that occur. */
	uint32_t site;
	uint32_t count;
	uint32_t across_gap; /**< Of these alive across a gap. */
	uint32_t seen_once;  /**< Of these lost in one reading of the memory so far. */
	uint32_t guarded;    /**< Of these where a reading could not be sure. */
	uint32_t in_window;  /**< Of these seen being made. */
	uint32_t parent;     /**< Index of the shared parent, CT_INDEX_NONE for none. */
	uint32_t twin_site;  /**< Unknown sites: the only known one that does the same to their live parent; CT_SITE_UNKNOWN
				  when there is none, CT_INDEX_NONE when there are several. */
	uint32_t twins;	     /**< Contexts of that site. */
	enum ct_subject subject;
	uint32_t routes[CT_ROUTES_SHOWN]; /**< Of their requests, different ones. */
	uint32_t routes_count;		  /**< More than there is room for: there are others. */
	struct ct_work work; /**< Of tasks and requests the one that has been at it for the longest. */
	bool has_requests;   /**< Work of several requests. */
	bool has_open;	     /**< Work that is_open. */
	uint64_t anchor;
	uint64_t parent_id;
	uint64_t first_ns; /**< Oldest and newest creation. */
	uint64_t last_ns;
	uint64_t middle_ns; /**< Any creation strictly between the two; 0 none. */
	uint32_t oldest;    /**< How many were made as the oldest was. */
	uint64_t offset_ms; /**< Sum of creation times after the window's begin, for the mean. */
	uint64_t last_deadline_ns;
	uint64_t retained_bytes;
	uint32_t examples[CT_EXAMPLES_MAX];
	uint32_t examples_count;
	struct ct_losses ended; /**< Beside the `count` that live. */
};

/** Two sentences under construction. */
struct ct_sentences {
	struct ct_text evidence;
	struct ct_text advice;
};

/** One detector. */
struct ct_detector {
	enum ct_finding_kind kind;
	/** Contexts a group must have; less is not even gathered. 0 and 1: a single one counts. */
	uint32_t crowd;
	/** Does this context show the trouble? Cheap tests first: asked for every context. NULL: no context does. */
	bool (*claims)(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim);
	/** Does this site show it even without live contexts? Optional. */
	bool (*claims_site)(const struct ct_detect_input *input, uint32_t site, struct ct_claim *claim);
	/** Does this task, or this request? Optional. */
	bool (*claims_task)(const struct ct_detect_input *input, const struct ct_task *task, struct ct_work *work);
	bool (*claims_request)(const struct ct_detect_input *input, uint32_t request, struct ct_work *work);
	/** Set severity and confidence, and what differs from the group's figures. @return false: no finding after all. */
	bool (*judge)(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding);
	/** Tell why and what to do. */
	void (*explain)(const struct ct_detect_input *input, const struct ct_group *group,
			const struct ct_finding *finding, struct ct_sentences *sentences);
};

extern const struct ct_detector ct_detector_lost_cancel;
extern const struct ct_detector ct_detector_leaked_timer;
extern const struct ct_detector ct_detector_defer_in_loop;
extern const struct ct_detector ct_detector_unstopped_after_func;
extern const struct ct_detector ct_detector_orphaned_context;
extern const struct ct_detector ct_detector_outlives_request;
extern const struct ct_detector ct_detector_ignored_cancel;
extern const struct ct_detector ct_detector_unbounded_request;
extern const struct ct_detector ct_detector_stale_parent;
extern const struct ct_detector ct_detector_todo_root;
extern const struct ct_detector ct_detector_background_in_request;
extern const struct ct_detector ct_detector_deep_chain;
/** Not a finding: what would be one if the proof were in. Its `judge` and `explain` are NULL. */
extern const struct ct_detector ct_detector_undecided;

/** All detectors in the order of the catalogue, `undecided` last. */
#define CT_DETECTORS (CT_FINDING_END + 1)
extern const struct ct_detector *const ct_detectors[CT_DETECTORS];

/** Ended contexts of a site before its lifetimes say what is usual. */
#define CT_LIFETIMES_MIN 100

/** Links walked upwards from one context, so that one pass over a deep tree stays one pass. */
#define CT_ANCESTORS_MAX 64

/** @return age at the time of the judgement; for adopted contexts a lower bound. */
uint64_t ct_context_age(const struct ct_detect_input *input, const struct ct_context *context);

/** @return true for a context that can be cancelled, has not ended, and is old enough to be spoken of. */
bool ct_context_is_judged(const struct ct_detect_input *input, const struct ct_context *context);

/**
 * Is it proven that nobody will ever cancel it?
 *
 * @param claim  Told when the proof is a C library's ABANDON and an end may have been missed since.
 */
bool ct_context_is_lost(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim);

/** @return true when the memory looks as if it were lost, but the last reading could not be sure of that. */
bool ct_context_is_guarded(const struct ct_detect_input *input, const struct ct_context *context);

/** @return true while its own timer will end it. */
bool ct_context_is_armed(const struct ct_detect_input *input, const struct ct_context *context);

/** @return true when its deadline has passed and nobody has looked since: it has most likely just ended. */
bool ct_context_is_ending(const struct ct_detect_input *input, const struct ct_context *context);

/** @return true when it or a context above it serves a request that has not ended, or the chain is too long to tell. */
bool ct_context_is_in_request(const struct ct_detect_input *input, const struct ct_context *context);

/** @return CT_RETAINED_ bits: memory's word, else what the tree shows. */
uint8_t ct_context_retention(const struct ct_detect_input *input, const struct ct_context *context);

/** @return estimate of the memory a context keeps. */
uint64_t ct_context_bytes(const struct ct_detect_input *input, const struct ct_context *context);

/** Does a site have proven losses of this kind that have ended since? Told in the claim. */
bool ct_site_has_losses(const struct ct_detect_input *input, uint32_t index, enum ct_loss loss,
			struct ct_claim *claim);

/**
 * @return leak when something retained the group and it is no single case: two or more losses, or a live one of a site
 *         that makes such contexts again and again; else warning.
 */
enum ct_severity ct_loss_severity(const struct ct_detect_input *input, const struct ct_group *group);

/**
 * Creation of its oldest. The probes are in place a moment before the window opens: what was seen by then counts as made at
 * its begin, and so does what is older.
 */
uint64_t ct_group_first_ns(const struct ct_detect_input *input, const struct ct_group *group);

/** Did its contexts get more, one after the other, while the window was open? */
bool ct_group_is_growing(const struct ct_detect_input *input, const struct ct_group *group);

/**
 * Growth of a group without a site in a census: its contexts came in three readings at least, so two intervals found
 * more. A burst that one reading fell into the middle of has two. Nothing is told of it where a cap refused contexts,
 * which a later reading then has room for.
 */
bool ct_group_grows_by_readings(const struct ct_detect_input *input, const struct ct_group *group);

/** Add "more at each reading: from 50 to 64 in 2.1 s". */
void ct_text_add_growth_by_readings(struct ct_text *text, const struct ct_group *group);

/** Add how to learn the site that memory does not tell. */
void ct_advise_watching(const struct ct_detect_input *input, struct ct_text *text);

/** Add how the loss of a group is known, who keeps its contexts, and how others ended. */
void ct_explain_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text);

/** Add what to do about a lost cancel function. */
void ct_advise_loss(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text);

/** Add "made in FUNCTION at FILE:LINE", the frame whose owner can act; false and nothing added when it is unknown. */
bool ct_text_add_place(struct ct_text *text, const struct ct_site *site);

/** @return true when its innermost frame is the standard library's, or nobody knows. */
bool ct_site_is_standard(const struct ct_detect_input *input, uint32_t site);

/** Does work that the stream shows running really run? */
enum ct_work_proof {
	CT_WORK_ENDED,	/**< It does not, or not for the server any more. */
	CT_WORK_OPEN,	/**< Memory has not been asked since: at most suspected. */
	CT_WORK_PROVEN, /**< Memory shows it, or the program tells its work itself. */
};

/** @return true when all goroutines were read from memory, once at least. */
bool ct_work_is_read(const struct ct_detect_input *input);

/** @return whether the request's handler runs, on a connection that is still the server's. */
enum ct_work_proof ct_request_proof(const struct ct_detect_input *input, const struct ct_request *request);

/** @return true when something happened, and the grace since then is over. */
bool ct_work_is_overdue(const struct ct_detect_input *input, uint64_t since_ns);

/**
 * A task that still runs, more than the grace after something happened to its request at `since_ns` (0: it did not), as
 * work. @return false for what goes on by design: the server's own task, one that may have detached itself, what the
 * standard library started, a hijacked connection; a thread that another one waits for, and workers.
 */
bool ct_work_of_task(const struct ct_detect_input *input, const struct ct_task *task, uint64_t since_ns,
		     struct ct_work *ret_work);

/** The handler of a request that runs, as work. @return false when it has ended. */
bool ct_work_of_handler(const struct ct_detect_input *input, uint32_t request, uint64_t since_ns, struct ct_work *ret_work);

/** Add "12 goroutines" or "1 thread". */
void ct_text_add_tasks(struct ct_text *text, const struct ct_detect_input *input, uint64_t count);

/** Add how far into the window a moment lies. */
void ct_text_add_moment(struct ct_text *text, const struct ct_detect_input *input, uint64_t time_ns);
