// SPDX-License-Identifier: Apache-2.0
/*
 * The cause of a cancellation: an error value the program gave to WithCancelCause's function or to WithTimeoutCause
 * (Go 1.20 and newer). Its text is read where the type is known to begin with it: errors.New and fmt.Errorf make such
 * ones (src/errors/errors.go, src/fmt/errors.go). No method of an error is ever called.
 */
#pragma once

#include "cancel.bpf.h"
#include "go_types.bpf.h"

/** A Go string. */
struct ct_go_string {
	__u64 at;
	__u64 bytes;
};

/** The error a context ends with. */
struct ct_go_error {
	__u64 type;
	__u64 data;
};

/**
 * The type of a cause that says more than the error does.
 * @return 0 when there is none: Canceled and DeadlineExceeded given once more are no cause.
 */
static __always_inline __u64 ct_go_cause_type(const struct ct_go_config *go, const struct ct_go_error *error,
					      const struct ct_go_interface *cause)
{
	__u64 type = 0;

	if (!cause->itab)
		return 0;
	if (ct_go_type(cause->itab, &type)) {
		ct_count(CT_COUNTER_READ_CAUSE);
		return 0;
	}
	if (type == error->type && cause->data == error->data)
		return 0;
	return ct_go_kind(go, type) == CT_GO_TYPE_DEADLINE_EXCEEDED ? 0 : type;
}

/* Bytes nobody has touched yet are not in memory: user space finds them in the file, if they are a constant's. */
static __always_inline void ct_go_read_text(struct ct_event_cancel_cause *event, const struct ct_go_interface *cause)
{
	struct ct_go_string text = {};
	__u32 bytes, most = sizeof(event->text);

	if (bpf_probe_read_user(&text, sizeof(text), (void *)cause->data)) {
		ct_count(CT_COUNTER_READ_CAUSE);
		return;
	}
	event->text_address = text.at;
	bytes = text.bytes < CT_CAUSE_TEXT_MOST ? (__u32)text.bytes : CT_CAUSE_TEXT_MOST;
	event->text_bytes = bytes;
	bytes = bytes < most ? bytes : most;
	if (bytes && !bpf_probe_read_user(event->text, bytes, (void *)text.at))
		event->read_bytes = bytes;
}

/** Tell an end with its cause; `type` as ct_go_cause_type() gave it. */
static __always_inline void ct_go_emit_cause(const struct ct_go_config *go, const struct ct_event_cancel *cancel,
					     __u64 type, const struct ct_go_interface *cause)
{
	struct ct_event_cancel_cause *event = ct_cancel_cause_reserve(cancel);

	if (!event)
		return;
	event->type = type;
	if (ct_go_kind(go, type) == CT_GO_TYPE_ERROR_TEXT)
		ct_go_read_text(event, cause);
	ct_submit(event, sizeof(*event));
}
