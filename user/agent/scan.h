// SPDX-License-Identifier: Apache-2.0
/*
 * Asking the target's memory, and telling the stream what it said.
 *
 * A reading becomes events: SCAN_BEGIN, one OBSERVED for each context about which memory differs from the stream, and
 * SCAN_END. Everything a verdict needs is in these events, so a replay judges the same. When to ask is decided here
 * too: often enough to confirm soon, seldom enough to cost the target less than a twentieth of one core.
 *
 * The stream begins with the attach and has a hole where events were lost. The first complete reading, and the first
 * one begun after such a loss, therefore tells every live context the tree does not know: the tree adopts them. Such a
 * reading comes soon. Every complete reading tells the goroutines that the tree does not know, or should not
 * (agent/goroutines.h), after its SCAN_END.
 */
#pragma once

#include "agent/goroutines.h"
#include "agent/pipeline.h"
#include "memory/census.h"
#include "memory/freeze.h"

struct ct_image;
struct ct_image_writer;

/** The scans of one session. Zero-initialise. */
struct ct_scanner {
	struct ct_census *census; /**< Owned; NULL: this target's memory cannot be asked. */
	uint32_t scans;		  /**< Number of the last scan. */
	uint64_t began_ns;	  /**< Begin of the last reading; 0 none. */
	uint64_t next_ns;	  /**< Not before. */
	uint64_t took_ns;	  /**< The last scan. */
	uint64_t hasty_ns;	  /**< Not before, when the tree is stale. */
	uint64_t lost_events;	  /**< Lost events that a complete scan has made up for. */
	struct ct_goroutines *goroutines; /**< Those the stream does not tell are told; borrowed; NULL: none is. */
	struct ct_image_writer *writer; /**< Keeps what is read; owned; NULL: nobody does. */
	bool has_told;		  /**< What is older than the attach was told. */
	bool has_no_stream; /**< A census: what is told is all there is. */
	bool is_suspicious; /**< The last scan found something lost that is not proven yet. */
	bool is_refused;    /**< The last scan found another layout than this release has, or none proven. */
	bool is_unsettled;  /**< In the last scan something looks lost but for a collection that was going on. */
	char reason[160];   /**< Why the last scan was incomplete, or empty. */
};

/** Called while memory is read, so that the ring is drained meanwhile. */
typedef void (*ct_scan_breathe)(void *opaque);

/**
 * Read memory once and push what it says.
 *
 * @param drain  Called after the reading and before judging it, so that every event from before the reading is in
 *               the tree: else a context cancelled just now would look lost.
 * @return 0 (an incomplete scan too: it is told as such); -ESRCH when the target is gone; -ENOMEM.
 */
int ct_scanner_scan(struct ct_scanner *scanner, struct ct_pipeline *pipeline, ct_scan_breathe drain, void *opaque);

/**
 * The same for a frozen target, whose reading is a proof by itself.
 *
 * @param freeze  Taken by ct_freeze_copy(); borrowed for this call.
 */
int ct_scanner_scan_frozen(struct ct_scanner *scanner, struct ct_pipeline *pipeline, struct ct_freeze *freeze,
			   ct_scan_breathe drain, void *opaque);

/** A recorded reading. */
struct ct_retelling {
	struct ct_event_scan recorded; /**< Its SCAN_BEGIN. */
	const uint64_t *times;	       /**< Of its events, SCAN_BEGIN and SCAN_END included. */
	size_t times_count, next;
};

/**
 * Read a recorded image instead of a process, and push what it says as of the times of the recording.
 *
 * @param image  What the scanner's census reads, begun for this reading.
 * @return 0; -ENODATA when the image does not hold what is asked, and nothing was pushed; -ENOMEM.
 */
int ct_scanner_retell(struct ct_scanner *scanner, struct ct_pipeline *pipeline, struct ct_image *image,
		      struct ct_retelling *retelling);

/** @return true when it is time to ask again: something old lives, or a suspicion waits for its second reading. */
bool ct_scanner_is_due(const struct ct_scanner *scanner, const struct ct_pipeline *pipeline, uint64_t now_ns);

/** Release the scanner and its census. */
void ct_scanner_done(struct ct_scanner *scanner);
