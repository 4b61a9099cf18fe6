// SPDX-License-Identifier: Apache-2.0
/* Telling the end of a context, whatever language it is of: CANCEL, or the longer event where there is a cause to tell. */
#pragma once

#include "emit.bpf.h"

/* All but the head, whose flags alone are given. */
static __always_inline void ct_fill_cancel(struct ct_event_cancel *event, const struct ct_event_cancel *cancel)
{
	event->context = cancel->context;
	event->path = cancel->path;
	event->reason = cancel->reason;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
}

/** Tell it. Of `cancel->header` only the flags count. */
static __always_inline void ct_emit_cancel(const struct ct_event_cancel *cancel)
{
	struct ct_event_cancel *event = ct_reserve(sizeof(*event), CT_EVENT_CANCEL, cancel->header.flags);

	if (!event)
		return;
	ct_fill_cancel(event, cancel);
	ct_submit(event, sizeof(*event));
}

/** Room to tell it with its cause, which is empty yet; to be submitted. @return NULL when the ring is full. */
static __always_inline struct ct_event_cancel_cause *ct_cancel_cause_reserve(const struct ct_event_cancel *cancel)
{
	struct ct_event_cancel_cause *event =
		ct_reserve(sizeof(*event), CT_EVENT_CANCEL_CAUSE, cancel->header.flags);

	if (!event)
		return NULL;
	ct_fill_cancel((struct ct_event_cancel *)event, cancel);
	event->type = 0;
	event->text_address = 0;
	event->text_bytes = 0;
	event->read_bytes = 0;
	__builtin_memset(event->text, 0, sizeof(event->text));
	return event;
}
