// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a report back: what `diff` needs of one, from its JSON (schema ctxtrace-report/1). A report may come from
 * anywhere, so each field is checked; what is not needed is not looked at.
 */
#pragma once

#include "ctxtrace/detect.h"
#include "ctxtrace/error.h"

/** Frames kept of a site. */
#define CT_DIGEST_FRAMES_MAX 4

/** Findings of one report at most. */
#define CT_DIGEST_FINDINGS_MAX 100000

/** All findings with one fingerprint. Strings are borrowed from the digest. */
struct ct_digest_finding {
	enum ct_finding_kind kind;
	enum ct_severity severity;	/**< The worst. */
	enum ct_confidence confidence;	/**< The best. */
	uint64_t count;			/**< Of all together. */
	uint64_t rate_per_min_milli;	/**< The same; 0 where the report gives none. */
	uint64_t fingerprint;
	struct ct_frame frames[CT_DIGEST_FRAMES_MAX]; /**< Innermost first. */
	uint32_t frames_count;
};

/** One report. Zero-initialise; release with ct_digest_done(). */
struct ct_digest {
	struct json_t *document;     /**< Owns the strings. */
	const char *exe;	     /**< NULL unknown. */
	const char *runtime_version; /**< NULL unknown. */
	const char *build_id;	     /**< NULL unknown. */
	uint64_t duration_ns;	     /**< 0 unknown. */
	uint64_t undecided;	     /**< Contexts. */
	bool is_incomplete, is_census;
	bool has_seen_exit; /**< The window ended with the program. */
	struct ct_digest_finding *findings; /**< By fingerprint. */
	size_t count;
};

/**
 * Read a report.
 *
 * @param name        What it is called in errors.
 * @param bytes       The JSON text.
 * @param ret_digest  The digest.
 * @return 0; -EBADMSG when it is no report; -E2BIG; -ENOMEM.
 */
int ct_digest_parse(const char *name, const char *bytes, size_t length, struct ct_digest *ret_digest,
		    struct ct_error *reterr);

/** Release it. */
void ct_digest_done(struct ct_digest *digest);
