// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts of a C library with the calling convention of libctxtrace-context: what is told at each probe is in its
 * arguments, memory is read for the call path only.
 *
 * The stream knows only contexts that can be cancelled, each with its nearest such ancestor. Roots, values and detached
 * contexts lie between them; the map `links` remembers where each of those leads to.
 */
#include "cancel.bpf.h"
#include "thread.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* enum cctx_kind of include/ctxtrace/context.h: numbers are part of the probe interface. */
enum {
	C_KIND_ROOT = 1,
	C_KIND_CANCEL = 2,
	C_KIND_DEADLINE = 3,
	C_KIND_VALUE = 4,
	C_KIND_DETACHED = 5,
	C_KIND_AFTER_FUNC = 6,
};

/* Flags of the probe arguments: user/context/probe_points.h. */
#define C_CREATE_TODO 1
#define C_CREATE_ASKED_LATER 2
#define C_CANCEL_BORN 0x100

/* What the stream knows of a context: itself, or what the link leads to. */
static __always_inline struct ct_link resolve(const struct ct_process_config *config, __u64 context)
{
	struct ct_context_key key = { .context = context, .process = ct_current_process() };
	const struct ct_link *link = bpf_map_lookup_elem(&links, &key);
	struct ct_link known = { .parent = context, .parent_kind = CT_KIND_CANCEL };

	if (link)
		return *link;
	// A root is announced once, which may have been before we came; its address is exported.
	if (context && context == config->go.background)
		known = (struct ct_link){ .parent_kind = CT_KIND_BACKGROUND };
	else if (context && context == config->go.todo)
		known = (struct ct_link){ .parent_kind = CT_KIND_TODO };
	else if (!context)
		known = (struct ct_link){ .flags = CT_CREATE_PARENT_UNREAD };
	return known;
}

static __always_inline void remember_link(__u64 context, const struct ct_link *link)
{
	struct ct_context_key key = { .context = context, .process = ct_current_process() };

	if (bpf_map_update_elem(&links, &key, link, BPF_ANY))
		ct_count(CT_COUNTER_MAP_UPDATE);
}

static __always_inline bool forget_link(__u64 context)
{
	struct ct_context_key key = { .context = context, .process = ct_current_process() };

	return bpf_map_delete_elem(&links, &key) == 0;
}

static __always_inline bool is_link(__u64 context)
{
	struct ct_context_key key = { .context = context, .process = ct_current_process() };

	return bpf_map_lookup_elem(&links, &key) != NULL;
}

static __always_inline __u8 kind_of_stream(__u64 c_kind)
{
	switch (c_kind) {
	case C_KIND_CANCEL:
		return CT_KIND_CANCEL;
	case C_KIND_DEADLINE:
		return CT_KIND_DEADLINE;
	case C_KIND_AFTER_FUNC:
		return CT_KIND_AFTER_FUNC;
	default:
		return CT_KIND_UNKNOWN;
	}
}

static __always_inline void emit_create(struct pt_regs *regs, const struct ct_process_config *config,
					const struct ct_link *parent)
{
	__u8 flags = ct_c_argument4(regs) & C_CREATE_ASKED_LATER ? CT_CREATE_ASKED_LATER : 0;
	__u32 path = ct_path(regs, config);
	struct ct_event_create *event = ct_reserve(sizeof(*event), CT_EVENT_CREATE, parent->flags | flags);

	if (!event)
		return;
	event->context = ct_c_argument0(regs);
	event->parent = parent->parent;
	event->task = ct_current_thread();
	event->deadline_ns = ct_c_argument3(regs);
	event->path = path;
	event->kind = kind_of_stream(ct_c_argument2(regs));
	event->parent_kind = parent->parent_kind;
	event->hops = parent->hops;
	event->pad = 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_create(struct pt_regs *regs, const struct ct_process_config *config)
{
	__u64 context = ct_c_argument0(regs);
	__u64 kind = ct_c_argument2(regs);
	struct ct_link link;

	if (kind == C_KIND_ROOT) {
		link = (struct ct_link){};
		link.parent_kind = ct_c_argument4(regs) & C_CREATE_TODO ? CT_KIND_TODO : CT_KIND_BACKGROUND;
		remember_link(context, &link);
		return;
	}
	link = resolve(config, ct_c_argument1(regs));
	if (kind != C_KIND_VALUE && kind != C_KIND_DETACHED) {
		emit_create(regs, config, &link);
		return;
	}
	if (kind == C_KIND_DETACHED)
		link.flags |= CT_CREATE_DETACHED;
	if (link.hops < 255)
		link.hops++;
	remember_link(context, &link);
}

/* What a parent's end passes on is told with the parent, but for a parent that ended before this one was made. */
static __always_inline bool tells_cause(__u64 cause, __u64 reason, __u8 flags)
{
	return cause && (reason != CT_REASON_PARENT || flags & CT_CANCEL_BORN);
}

static __always_inline void emit_cancel_cause(const struct ct_event_cancel *cancel, __u64 cause)
{
	struct ct_event_cancel_cause *event = ct_cancel_cause_reserve(cancel);
	char next = 0;
	long length;

	if (!event)
		return;
	event->text_address = cause;
	length = bpf_probe_read_user_str(event->text, sizeof(event->text), (void *)cause);
	if (length > 0)
		event->text_bytes = event->read_bytes = (__u32)length - 1;
	else
		ct_count(CT_COUNTER_READ_CAUSE);
	// As long as there is room for: does it end here?
	if (length == sizeof(event->text) && !bpf_probe_read_user(&next, 1, (void *)(cause + sizeof(event->text) - 1)))
		event->text_bytes += next != 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_cancel(struct pt_regs *regs, const struct ct_process_config *config)
{
	__u64 reason = ct_c_argument1(regs), cause = ct_c_argument2(regs);
	struct ct_event_cancel cancel = { .context = ct_c_argument0(regs) };
	__u8 flags = reason & C_CANCEL_BORN ? CT_CANCEL_BORN : 0;

	reason &= 0xff;
	if (reason < CT_REASON_EXPLICIT || reason > CT_REASON_PARENT) {
		ct_drop(CT_COUNTER_READ_CANCEL);
		return;
	}
	if (reason == CT_REASON_EXPLICIT)
		cancel.path = ct_path(regs, config);
	cancel.header.flags = flags;
	cancel.reason = (__u8)reason;
	if (tells_cause(cause, reason, flags))
		emit_cancel_cause(&cancel, cause);
	else
		ct_emit_cancel(&cancel);
}

static __always_inline void on_cancel_call(struct pt_regs *regs, const struct ct_process_config *config)
{
	__u32 path = ct_path(regs, config);
	struct ct_event_cancel_call *event = ct_reserve(sizeof(*event), CT_EVENT_CANCEL_CALL, 0);

	if (!event)
		return;
	event->context = ct_c_argument0(regs);
	event->path = path;
	event->pad = 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void emit_context(struct pt_regs *regs, __u8 type)
{
	struct ct_event_context *event = ct_reserve(sizeof(*event), type, 0);

	if (!event)
		return;
	event->context = ct_c_argument0(regs);
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_request(struct pt_regs *regs, const struct ct_process_config *config, __u8 flags)
{
	struct ct_link link = resolve(config, ct_c_argument0(regs));
	struct ct_event_request *event = ct_reserve(sizeof(*event), CT_EVENT_REQUEST, flags);

	if (!event)
		return;
	event->context = link.parent ? link.parent : ct_c_argument0(regs);
	event->task = ct_current_thread();
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_task_begin(struct pt_regs *regs, const struct ct_process_config *config)
{
	struct ct_link link = resolve(config, ct_c_argument1(regs));
	__u32 path = ct_path(regs, config);
	struct ct_event_task_start *event = ct_reserve(sizeof(*event), CT_EVENT_TASK_START, CT_TASK_THREAD);

	if (!event)
		return;
	// The thread tells itself, in its own numbering; ours is the one that agrees with CREATE in a container too.
	event->task = ct_current_thread();
	event->creator = 0;
	event->context = link.flags & CT_CREATE_DETACHED ? 0 : link.parent;
	event->entry = 0;
	event->path = path;
	event->entry_path = 0;
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_task_end(void)
{
	struct ct_event_task_end *event = ct_reserve(sizeof(*event), CT_EVENT_TASK_END, 0);

	if (!event)
		return;
	event->task = ct_current_thread();
	ct_submit(event, sizeof(*event));
}

static __always_inline void on_spawn(struct pt_regs *regs, const struct ct_process_config *config)
{
	struct ct_link link = resolve(config, ct_c_argument3(regs));

	ct_note_spawn(regs, config, &link);
}

SEC("uprobe")
int c_begin(struct pt_regs *regs)
{
	const struct ct_process_config *config = ct_current_config();

	ct_keep_stack(regs);
	if (!config)
		return 0;
	switch (CT_COOKIE_ROLE(bpf_get_attach_cookie(regs))) {
	case CT_ROLE_C_CREATE:
		on_create(regs, config);
		break;
	case CT_ROLE_C_REQUEST_BEGIN:
		on_request(regs, config, 0);
		break;
	case CT_ROLE_C_TASK_BEGIN:
		on_task_begin(regs, config);
		break;
	case CT_ROLE_C_SPAWN:
		on_spawn(regs, config);
		break;
	case CT_ROLE_C_JOIN:
		ct_emit_join(regs);
		break;
	}
	return 0;
}

SEC("uprobe")
int c_end(struct pt_regs *regs)
{
	const struct ct_process_config *config = ct_current_config();

	ct_keep_stack(regs);
	if (!config)
		return 0;
	switch (CT_COOKIE_ROLE(bpf_get_attach_cookie(regs))) {
	case CT_ROLE_C_CANCEL:
		on_cancel(regs, config);
		break;
	case CT_ROLE_C_CANCEL_CALL:
		on_cancel_call(regs, config);
		break;
	case CT_ROLE_C_ABANDON:
		if (!is_link(ct_c_argument0(regs)))
			emit_context(regs, CT_EVENT_ABANDON);
		break;
	case CT_ROLE_C_DESTROY:
		if (!forget_link(ct_c_argument0(regs)))
			emit_context(regs, CT_EVENT_FREE);
		break;
	case CT_ROLE_C_REQUEST_END:
		on_request(regs, config, CT_REQUEST_END);
		break;
	case CT_ROLE_C_TASK_END:
		on_task_end();
		break;
	}
	return 0;
}
