// SPDX-License-Identifier: Apache-2.0
/*
 * Which cancel is it? One cancellation passes several cancel methods; each context's end must be told once, with its
 * reason. Told apart by what the method is given (removeFromParent, err, cause), who calls it, and whether the context
 * has ended already. Source: src/context/context.go, the callers of `cancel`; verified on Go 1.17 to 1.27.
 */
#pragma once

#include "go_abi.bpf.h"
#include "go_cause.bpf.h"
#include "go_types.bpf.h"
#include "path.bpf.h"

/** A hit of (*cancelCtx).cancel, (*timerCtx).cancel or (*afterFuncCtx).cancel. */
struct ct_go_cancel {
	__u64 context;
	__u64 return_address;
	struct ct_go_error error;
	struct ct_go_interface cause; /**< Nothing where the release has none. */
	__u32 receiver; /**< enum ct_go_receiver. */
	bool removes;	/**< Takes itself out of its parent: its own end, not its parent's. */
	bool has_cause;
	bool is_deadline; /**< The error is DeadlineExceeded. */
	bool has_ended;	  /**< Before this call. */
};

/** What to tell. */
enum ct_go_verdict {
	CT_VERDICT_NOTHING,
	CT_VERDICT_EXPLICIT,
	CT_VERDICT_CANCEL_CALL,
	CT_VERDICT_DEADLINE,
	CT_VERDICT_DEADLINE_BORN,
	CT_VERDICT_PARENT,
	CT_VERDICT_PARENT_BORN,
};

/* Go 1.20 keeps a timerCtx's error in a cancelCtx of its own, to which its first word points. */
static __always_inline bool ct_go_has_ended(const struct ct_go_config *go, __u64 context, __u32 receiver)
{
	__u64 holder = context;
	__u64 word = 0;
	int err = 0;

	if (go->timer_is_split && receiver == CT_RECEIVER_TIMER)
		err = (int)bpf_probe_read_user(&holder, sizeof(holder), (void *)context);
	if (!err)
		err = (int)bpf_probe_read_user(&word, sizeof(word), (void *)(holder + go->context_err));
	if (err)
		ct_count(CT_COUNTER_READ_CONTEXT);
	return word != 0;
}

static __always_inline bool ct_go_called_by(const struct ct_go_config *go, __u64 address, enum ct_go_caller caller)
{
	return ct_in_range(&go->callers[caller], address) != 0;
}

/* timerCtx and afterFuncCtx end by calling the cancel of the cancelCtx inside them: told by the outer call. */
static __always_inline bool ct_go_is_inner(const struct ct_go_config *go, const struct ct_go_cancel *hit)
{
	return hit->receiver == CT_RECEIVER_CANCEL &&
	       (ct_go_called_by(go, hit->return_address, CT_CALLER_TIMER_CANCEL) ||
		ct_go_called_by(go, hit->return_address, CT_CALLER_AFTER_FUNC_CANCEL));
}

/* Its own end: cancel function, stop function, timer, or a deadline that had passed when it was made. */
static __always_inline enum ct_go_verdict ct_go_judge_own(const struct ct_go_config *go,
							  const struct ct_go_cancel *hit)
{
	if (!hit->is_deadline)
		return hit->has_ended ? CT_VERDICT_CANCEL_CALL : CT_VERDICT_EXPLICIT;
	if (hit->has_ended)
		return CT_VERDICT_NOTHING;
	if (ct_go_called_by(go, hit->return_address, CT_CALLER_WITH_DEADLINE))
		return CT_VERDICT_DEADLINE_BORN;
	return CT_VERDICT_DEADLINE;
}

/* Mostly the parent's end; but also two callers that are not: a closure with an inlined cancel method (profile-guided
 * builds), and the cancel function of a context born past its deadline. Neither has a cause; a parent's end has. */
static __always_inline enum ct_go_verdict ct_go_judge_other(const struct ct_go_config *go,
							    const struct ct_go_cancel *hit)
{
	bool is_parent = ct_go_called_by(go, hit->return_address, CT_CALLER_CANCEL) ||
			 ct_go_called_by(go, hit->return_address, CT_CALLER_WATCHER) ||
			 ct_go_called_by(go, hit->return_address, CT_CALLER_FOREIGN) || hit->has_cause;

	if (ct_go_called_by(go, hit->return_address, CT_CALLER_PROPAGATE))
		return hit->has_ended ? CT_VERDICT_NOTHING : CT_VERDICT_PARENT_BORN;
	if (is_parent)
		return hit->has_ended ? CT_VERDICT_NOTHING : CT_VERDICT_PARENT;
	if (hit->has_ended)
		return hit->is_deadline ? CT_VERDICT_NOTHING : CT_VERDICT_CANCEL_CALL;
	// Before Go 1.20 nothing was inlined by profile, and no cause tells a foreign parent's end.
	if (!go->cancel_has_cause)
		return CT_VERDICT_PARENT;
	return hit->is_deadline ? CT_VERDICT_DEADLINE : CT_VERDICT_EXPLICIT;
}

static __always_inline enum ct_go_verdict ct_go_judge(const struct ct_go_config *go, const struct ct_go_cancel *hit)
{
	if (ct_go_is_inner(go, hit))
		return CT_VERDICT_NOTHING;
	return hit->removes ? ct_go_judge_own(go, hit) : ct_go_judge_other(go, hit);
}

/** @return 0, or negative errno when memory that decides cannot be read. */
static __always_inline int ct_go_read_cancel(const struct pt_regs *regs, const struct ct_go_config *go,
					     __u32 receiver, struct ct_go_cancel *hit)
{
	int err = ct_return_address(regs, &hit->return_address);

	if (go->cancel_has_cause)
		hit->cause = (struct ct_go_interface){ ct_go_argument4(regs), ct_go_argument5(regs) };
	if (!err)
		err = ct_go_type(ct_go_argument2(regs), &hit->error.type);
	hit->error.data = ct_go_argument3(regs);
	hit->context = ct_go_argument0(regs);
	hit->receiver = receiver;
	// Only the low byte of a bool argument is defined.
	hit->removes = (ct_go_argument1(regs) & 0xff) != 0;
	hit->has_cause = hit->cause.itab != 0;
	hit->is_deadline = ct_go_kind(go, hit->error.type) == CT_GO_TYPE_DEADLINE_EXCEEDED;
	if (!err)
		hit->has_ended = ct_go_has_ended(go, hit->context, receiver);
	return err;
}

static __always_inline void ct_emit_cancel_call(__u64 context, __u32 path)
{
	struct ct_event_cancel_call *event = ct_reserve(sizeof(*event), CT_EVENT_CANCEL_CALL, 0);

	if (!event)
		return;
	event->context = context;
	event->path = path;
	event->pad = 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void ct_go_emit_end(const struct ct_go_config *go, const struct ct_event_cancel *cancel,
					   const struct ct_go_error *error, const struct ct_go_interface *cause)
{
	__u64 type = ct_go_cause_type(go, error, cause);

	if (type)
		ct_go_emit_cause(go, cancel, type, cause);
	else
		ct_emit_cancel(cancel);
}

/** The call of a cancel or stop function by the program: the call path is its. */
static __always_inline void ct_go_tell_call(const struct pt_regs *regs, const struct ct_process_config *config,
					    const struct ct_go_cancel *hit)
{
	struct ct_event_cancel cancel = { .context = hit->context, .reason = CT_REASON_EXPLICIT };

	cancel.path = ct_path(regs, config);
	if (hit->has_ended)
		ct_emit_cancel_call(hit->context, cancel.path);
	else
		ct_go_emit_end(&config->go, &cancel, &hit->error, &hit->cause);
}

/* What an ancestor that is known passes on was told with its own end. */
static __always_inline void ct_go_tell_end(const struct ct_go_config *go, const struct ct_go_cancel *hit,
					   enum ct_go_verdict verdict)
{
	bool is_born = verdict == CT_VERDICT_DEADLINE_BORN || verdict == CT_VERDICT_PARENT_BORN;
	bool is_deadline = verdict == CT_VERDICT_DEADLINE || verdict == CT_VERDICT_DEADLINE_BORN;
	struct ct_event_cancel cancel = { .context = hit->context,
					  .reason = is_deadline ? CT_REASON_DEADLINE : CT_REASON_PARENT };

	cancel.header.flags = is_born ? CT_CANCEL_BORN : 0;
	if (verdict == CT_VERDICT_PARENT && ct_go_called_by(go, hit->return_address, CT_CALLER_CANCEL))
		ct_emit_cancel(&cancel);
	else
		ct_go_emit_end(go, &cancel, &hit->error, &hit->cause);
}

/* Closures: told at their own probe, so that a cancel method inlined into one is not missed; and when the method is
 * called after all, its hit must not tell the same again. */

/** The method returns into the closure whose probe was hit before: within this many bytes of it. */
#define CT_CLOSURE_BYTES_MAX 4096

static __always_inline struct ct_context_key ct_go_closure_key(const struct pt_regs *regs)
{
	return (struct ct_context_key){ .context = ct_go_g(regs), .process = ct_current_process() };
}

static __always_inline bool ct_go_told_by_closure(const struct pt_regs *regs, const struct ct_go_cancel *hit)
{
	struct ct_context_key key = ct_go_closure_key(regs);
	const struct ct_closure_call *call = bpf_map_lookup_elem(&closure_calls, &key);

	return call && call->context == hit->context &&
	       hit->return_address - call->address < CT_CLOSURE_BYTES_MAX;
}

static __always_inline void ct_go_cancel_closure(const struct pt_regs *regs, const struct ct_process_config *config,
						 __u32 argument)
{
	struct ct_context_key key = ct_go_closure_key(regs);
	struct ct_closure_call call = { .address = ct_instruction_pointer(regs) };
	struct ct_go_cancel hit = {};

	if (bpf_probe_read_user(&call.context, sizeof(call.context), (void *)(ct_go_closure(regs) + 8))) {
		ct_drop(CT_COUNTER_READ_CANCEL);
		return;
	}
	if (bpf_map_update_elem(&closure_calls, &key, &call, BPF_ANY))
		ct_count(CT_COUNTER_MAP_UPDATE);
	hit.context = call.context;
	if (argument & CT_RECEIVER_TAKES_CAUSE)
		hit.cause = (struct ct_go_interface){ ct_go_argument0(regs), ct_go_argument1(regs) };
	hit.has_ended = ct_go_has_ended(&config->go, call.context, argument & ~CT_RECEIVER_TAKES_CAUSE);
	ct_go_tell_call(regs, config, &hit);
}

static __always_inline void ct_go_cancel(const struct pt_regs *regs, const struct ct_process_config *config,
					 __u32 receiver)
{
	struct ct_go_cancel hit = {};
	enum ct_go_verdict verdict;

	if (ct_go_read_cancel(regs, &config->go, receiver, &hit)) {
		ct_drop(CT_COUNTER_READ_CANCEL);
		return;
	}
	verdict = ct_go_judge(&config->go, &hit);
	if (verdict == CT_VERDICT_NOTHING)
		return;
	if (verdict != CT_VERDICT_EXPLICIT && verdict != CT_VERDICT_CANCEL_CALL)
		ct_go_tell_end(&config->go, &hit, verdict);
	else if (!ct_go_told_by_closure(regs, &hit))
		ct_go_tell_call(regs, config, &hit);
}
