// SPDX-License-Identifier: Apache-2.0
/*
 * What `--metrics` serves: /metrics, /report, /tree, /healthz, and / that lists them.
 *
 * Metrics are made for each scrape from counts that are there anyway. A report or a tree may be large and takes a
 * judgement or a walk: it is made at most once a second and for less than a fiftieth of the time, and all who ask
 * meanwhile get the same one.
 */
#pragma once

#include "agent/http.h"

struct ct_live;

/** A page that is kept for a while, as it is and compressed. */
struct ct_kept_page {
	struct ct_body *plain, *gzip;
	uint64_t until_ns;
};

/** The pages of one session. Zero-initialise with its `live`. */
struct ct_pages {
	struct ct_live *live;
	struct ct_http *http; /**< NULL: nothing is served. */
	struct ct_bodies bodies;
	struct ct_kept_page report, tree;
};

/** Serve as the options say, or not at all. @return 0 or negative errno, told in reterr. */
int ct_pages_open(struct ct_pages *pages, struct ct_live *live, struct ct_error *reterr);

/** Stop serving. */
void ct_pages_done(struct ct_pages *pages);
