// SPDX-License-Identifier: Apache-2.0
/*
 * The text that Prometheus reads, in its two dialects. It knows the syntax and nothing of what is measured: families,
 * samples, labels, exemplars. Label values may be anything; what is written is valid UTF-8 of bounded length, without a
 * control character.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/measures.h"

#include <stdbool.h>
#include <stdint.h>

/** Prometheus text 0.0.4, or OpenMetrics 1.0: only the latter has units, exemplars and an end. */
enum ct_dialect { CT_DIALECT_TEXT, CT_DIALECT_OPENMETRICS };

/** Types of metrics. INFO is a gauge of 1 in the text dialect. */
enum ct_metric_type { CT_METRIC_COUNTER, CT_METRIC_GAUGE, CT_METRIC_HISTOGRAM, CT_METRIC_INFO };

/** Room for the value of a label: with its name an exemplar stays below the 128 characters of OpenMetrics. */
#define CT_LABEL_ROOM 120

/** Make a label's value of any string: printable UTF-8; what was too long begins with "...". Idempotent. */
void ct_label_clean(char out[static CT_LABEL_ROOM], const char *value);

/** Labels of one sample. */
struct ct_labels {
	struct ct_label {
		const char *name, *value; /**< Borrowed. */
	} at[3];
	unsigned int count;
};

/** What an OpenMetrics sample may point to: one of the things it counted. */
struct ct_exemplar {
	const char *function; /**< NULL: no exemplar. */
	uint64_t value;
	uint64_t unix_ms;
};

/** A document. Zero-initialise with the first two. */
struct ct_exposition {
	struct ct_text *text;
	enum ct_dialect dialect;
	const char *name; /**< Of the family that is open, as in the catalogue. */
	enum ct_metric_type type;
};

/** @return the type's name in documents ("counter"). */
const char *ct_metric_type_name(enum ct_metric_type type);

/**
 * Open a family.
 *
 * @param name  Without "ctxtrace_", with "_total" or "_info". Borrowed until the next family.
 * @param unit  What the name (before "_total") ends with, or "".
 * @param help  One line.
 */
void ct_exposition_family(struct ct_exposition *exposition, const char *name, enum ct_metric_type type, const char *unit,
			  const char *help);

/** A whole number. `labels` and `exemplar` may be NULL. */
void ct_exposition_sample(struct ct_exposition *exposition, const struct ct_labels *labels, uint64_t value,
			  const struct ct_exemplar *exemplar);

/** Nanoseconds as seconds. */
void ct_exposition_seconds(struct ct_exposition *exposition, const struct ct_labels *labels, uint64_t nanoseconds);

/**
 * All samples of a histogram.
 *
 * @param bounds     Its buckets; nanoseconds become seconds, shares of CT_NSEC_PER_SEC ratios.
 * @param exemplars  One for each bucket, the last one included.
 */
void ct_exposition_histogram(struct ct_exposition *exposition, const struct ct_labels *labels,
			     const struct ct_measure *measure, const struct ct_bounds *bounds,
			     const struct ct_exemplar *exemplars);

/** End the document. */
void ct_exposition_end(struct ct_exposition *exposition);
