// SPDX-License-Identifier: Apache-2.0
/*
 * One golden case: a directory with the story (stream.events) and what must come of it.
 *
 * The first comment of the stream tells the story. Lines that begin with `#!` are for the runner:
 *
 *	#! finds KIND:SEVERITY:CONFIDENCE...
 *	                        exactly these are found; `nothing` for none. Never rewritten by --update.
 *	#! undecided N          this many entries are undecided (default 0). Never rewritten either.
 *	#! min-age-ms N         instead of 10,000
 *	#! with tree            as --tree
 *	#! strip-prefix P       as --strip-prefix P
 *	#! repeat N ... #! end  see golden_stream.h
 *
 * `suppress.txt` and `baseline.txt`, when they are there, are what --suppress and --baseline would be given.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"
#include "ctxtrace/error.h"

/** A bit for each kind, severity and confidence. */
typedef unsigned __int128 golden_claims;

/** The bit of one. */
static inline golden_claims golden_claim(unsigned int kind, unsigned int severity, unsigned int confidence)
{
	return (golden_claims)1 << (kind * 6 + severity * 2 + confidence);
}
_Static_assert(CT_FINDING_END * 6 <= 128, "all claims fit");

/** A case as it stands in its directory. */
struct golden_case {
	const char *directory;
	struct ct_text stream;
	golden_claims finds;    /**< Bits of golden_claim(). */
	bool has_claim;	      /**< A `#! finds` line was there. */
	uint32_t undecided;
	uint64_t min_age_ns;
	bool with_tree;
	char strip_prefix[128]; /**< As --strip-prefix; "" none. */
	bool is_age_chosen; /**< `#! with chosen-age`: the user gave --min-age. */
};

/** Read the stream and its directives. @return 0 or negative errno with a message in `reterr`. */
int golden_case_load(const char *directory, struct golden_case *ret_case, struct ct_error *reterr);

/** Release it. A zeroed one is fine. */
void golden_case_done(struct golden_case *golden);

/** Read a file of the case's directory. @return 0; -ENOENT; negative errno. */
int golden_read(const struct golden_case *golden, const char *name, struct ct_text *text);

/** Write one. @return 0 or negative errno. */
int golden_write(const struct golden_case *golden, const char *name, const struct ct_text *text);
