// SPDX-License-Identifier: Apache-2.0
/*
 * Causes of cancellations in words: what the kernel side read becomes a CAUSE, with the name of the error's type and
 * its text, so that a recording needs neither the target nor its files.
 */
#pragma once

#include "ctxtrace/source.h"
#include "provider/target.h"

/** Names and texts met so far. */
struct ct_causes;

/** @param target  Borrowed; must outlive them. @return NULL without memory. */
struct ct_causes *ct_causes_new(struct ct_target *target);

/** Free them. NULL is fine. */
void ct_causes_free(struct ct_causes *causes);

/** A CAUSE and its strings. */
struct ct_cause_block {
	struct ct_event_cause event;
	char strings[CT_CAUSE_TYPE_BYTES + CT_CAUSE_TEXT_BYTES + 2];
};

/**
 * Name a cause.
 *
 * @param block      The event is built here.
 * @param ret_event  A CAUSE event in `block`.
 * @return 0; -ENOENT when there is nothing to say: neither type nor text is known, or the text is that of the error
 *         which every cancellation has.
 */
int ct_causes_name(struct ct_causes *causes, const struct ct_event_cancel_cause *raw, struct ct_cause_block *block,
		   struct ct_event *ret_event);
