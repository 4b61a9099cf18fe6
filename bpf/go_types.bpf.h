// SPDX-License-Identifier: Apache-2.0
/*
 * Go values as the context package holds them: what an interface contains, and where a chain of contexts leads.
 *
 * An interface is {itab, data}; word 1 of an itab is the type of what it contains (runtime.itab, src/runtime/iface.go
 * and internal/abi). Itabs are many per type, so types are compared. A type that is not in the table is foreign:
 * nothing is assumed about its layout.
 */
#pragma once

#include "emit.bpf.h"

#include <stdbool.h>

/** An interface value. */
struct ct_go_interface {
	__u64 itab;
	__u64 data;
};

/** Links walked over on the way to a parent. Longer chains are counted (parent_deep) and left to the memory reader. */
#define CT_PARENT_HOPS_MAX 32

/** Where a chain of contexts leads. */
struct ct_go_parent {
	__u64 context;
	__u8 kind;  /**< As CREATE's parent_kind; 0 unread. */
	__u8 flags; /**< CT_CREATE_ flags. */
	__u8 hops;
	__u8 pad[5];
};

/** The kind of a type: enum ct_context_kind or CT_GO_TYPE_; 0 when it is not in the table. */
CT_CHECKED_ONCE __u32 ct_go_kind(const struct ct_go_config *go, __u64 type)
{
	__u32 kind = 0;

	if (!go || !type)
		return 0;
	// Without a branch per entry, which the verifier would have to follow to both sides.
#pragma clang loop unroll(disable)
	for (int i = 0; i < CT_GO_TYPES_MAX; i++) {
		__u64 difference = go->types[i].address ^ type;
		__u64 is_other = (difference | -difference) >> 63;

		kind |= go->types[i].kind & ((__u32)is_other - 1);
	}
	return kind;
}

/** The type inside an interface. @return 0 or negative errno. */
static __always_inline int ct_go_type(__u64 itab, __u64 *ret_type)
{
	return (int)bpf_probe_read_user(ret_type, sizeof(*ret_type), (void *)(itab + 8));
}

static __always_inline bool ct_go_is_link(__u32 kind)
{
	return kind == CT_KIND_VALUE || kind == CT_KIND_DETACHED || kind == CT_GO_TYPE_STOP_CTX;
}

/* Go 1.17-1.20: both roots have one type, the pointer tells. */
static __always_inline __u8 ct_go_root_kind(const struct ct_go_config *go, __u64 data, __u32 kind)
{
	if (go->background && data == go->background)
		return CT_KIND_BACKGROUND;
	if (go->todo && data == go->todo)
		return CT_KIND_TODO;
	return kind == CT_KIND_BACKGROUND || kind == CT_KIND_TODO ? (__u8)kind : 0;
}

/* The end of a chain: a root, something that can be cancelled, or a type of somebody else's. */
static __always_inline void ct_go_settle(const struct ct_go_config *go, __u64 data, __u32 kind,
					 struct ct_go_parent *parent)
{
	__u8 root = ct_go_root_kind(go, data, kind);

	if (root) {
		parent->kind = root;
		return;
	}
	parent->context = data;
	if (kind == CT_KIND_CANCEL || kind == CT_KIND_DEADLINE || kind == CT_KIND_AFTER_FUNC) {
		parent->kind = CT_KIND_CANCEL;
		return;
	}
	parent->kind = CT_KIND_FOREIGN;
	parent->flags |= CT_CREATE_WATCHED;
}

static __always_inline bool ct_go_unread(struct ct_go_parent *parent, enum ct_counter counter)
{
	ct_count(counter);
	parent->flags |= CT_CREATE_PARENT_UNREAD;
	return false;
}

/**
 * Follow value, detached and stop links from an interface to what can end it.
 * Each of these types begins with the Context it wraps (src/context/context.go: valueCtx, withoutCancelCtx, stopCtx).
 * @return false when the end was not reached; flags and a counter tell.
 */
CT_CHECKED_ONCE bool ct_go_find_parent(const struct ct_go_config *go, const struct ct_go_interface *from,
				       struct ct_go_parent *ret_parent)
{
	struct ct_go_interface at;

	if (!go || !from || !ret_parent)
		return false;
	at = *from;
	*ret_parent = (struct ct_go_parent){};
	for (int i = 0; i <= CT_PARENT_HOPS_MAX; i++) {
		__u64 type = 0;
		__u32 kind;

		if (ct_go_type(at.itab, &type))
			return ct_go_unread(ret_parent, CT_COUNTER_READ_PARENT);
		kind = ct_go_kind(go, type);
		ret_parent->hops = (__u8)i;
		if (!ct_go_is_link(kind)) {
			ct_go_settle(go, at.data, kind, ret_parent);
			return true;
		}
		if (kind == CT_KIND_DETACHED)
			ret_parent->flags |= CT_CREATE_DETACHED;
		if (bpf_probe_read_user(&at, sizeof(at), (void *)at.data))
			return ct_go_unread(ret_parent, CT_COUNTER_READ_PARENT);
	}
	return ct_go_unread(ret_parent, CT_COUNTER_PARENT_DEEP);
}

/** Id of a goroutine, or 0. */
static __always_inline __u64 ct_go_id(const struct ct_go_config *go, __u64 g)
{
	__u64 id = 0;

	if (bpf_probe_read_user(&id, sizeof(id), (void *)(g + go->g_goid)))
		ct_count(CT_COUNTER_READ_TASK);
	return id;
}
