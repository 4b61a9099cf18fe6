// SPDX-License-Identifier: Apache-2.0
#include "memory/closures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Closures that may be inlined copies too: any name that ends so, with any number (the caller numbers its copies). */
static const struct {
	const char *suffix;
	uint8_t role;
} endings[] = {
	{ "WithCancel.func", CT_CLOSURE_CANCEL },
	{ "WithCancelCause.func", CT_CLOSURE_CANCEL },
	{ "AfterFunc.func", CT_CLOSURE_AFTER_FUNC },
};

/* Never inlined (they defer): exact names. The order of closures in the source gives the numbers. */
static const struct {
	const char *name;
	uint8_t minor_from, minor_to;
	uint8_t role;
} exact[] = {
	{ "context.WithDeadlineCause.func1", 21, 255, CT_CLOSURE_DEADLINE }, // deadline already past
	{ "context.WithDeadlineCause.func2", 21, 255, CT_CLOSURE_TIMER },
	{ "context.WithDeadlineCause.func3", 21, 255, CT_CLOSURE_DEADLINE },
	{ "context.(*cancelCtx).propagateCancel.func2", 21, 255, CT_CLOSURE_WATCHER },
	{ "context.WithDeadline.func1", 0, 20, CT_CLOSURE_DEADLINE },
	{ "context.WithDeadline.func2", 0, 20, CT_CLOSURE_TIMER },
	{ "context.WithDeadline.func3", 0, 20, CT_CLOSURE_DEADLINE },
	{ "context.propagateCancel.func1", 0, 20, CT_CLOSURE_WATCHER },
};

/* Who makes contexts: between two steps of these, a context is linked and has no cancel function yet. */
static const char *const creators[] = {
	"context.WithCancel",	 "context.WithCancelCause",   "context.withCancel", "context.newCancelCtx",
	"context.WithDeadline",	 "context.WithDeadlineCause", "context.AfterFunc",  "context.propagateCancel",
	"context.(*cancelCtx).propagateCancel",
};

static bool is_creator(const char *name)
{
	for (size_t i = 0; i < sizeof(creators) / sizeof(creators[0]); i++)
		if (!strcmp(name, creators[i]))
			return true;
	return false;
}

/* Length of the name without its trailing digits, or 0 when it has none. */
static size_t without_digits(const char *name)
{
	size_t length = strlen(name), end = length;

	while (end && name[end - 1] >= '0' && name[end - 1] <= '9')
		end--;
	return end == length ? 0 : end;
}

/* Is it package context, or a function, into which another one may be inlined? Not "main", not "main.(*waiter)". */
static bool may_hold_closure(const char *name, size_t length)
{
	const char *slash = memrchr(name, '/', length), *begin = slash ? slash : name;

	if (length == strlen("context") && !memcmp(name, "context", length))
		return true;
	return length && name[length - 1] != ')' && memchr(begin, '.', length - (size_t)(begin - name));
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
	size_t bytes = strlen(suffix);

	// a dot before it: main.f.WithCancel.func2, not main.MyWithCancel.func1; and before that a function: one of the
	// program's own that has the same name has closures, too
	return length > bytes && !memcmp(name + length - bytes, suffix, bytes) && name[length - bytes - 1] == '.' &&
	       may_hold_closure(name, length - bytes - 1);
}

enum ct_closure_role ct_closure_role_of(const char *name, unsigned int minor)
{
	size_t length = without_digits(name);

	if (!length)
		return CT_CLOSURE_NONE;
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (minor >= exact[i].minor_from && minor <= exact[i].minor_to && !strcmp(name, exact[i].name))
			return (enum ct_closure_role)exact[i].role;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ends_with(name, length, endings[i].suffix))
			return (enum ct_closure_role)endings[i].role;
	return CT_CLOSURE_NONE;
}

static size_t slot_of(const struct ct_closures *closures, uint64_t code)
{
	size_t i = (code * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (closures->room - 1);

	while (closures->slots[i].code && closures->slots[i].code != code)
		i = (i + 1) & (closures->room - 1);
	return i;
}

static int grow(struct ct_closures *closures)
{
	struct ct_closures more = { .room = closures->room ? closures->room * 2 : 256 };

	more.slots = calloc(more.room, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < closures->room; i++)
		if (closures->slots[i].code)
			more.slots[slot_of(&more, closures->slots[i].code)] = closures->slots[i];
	free(closures->slots);
	closures->slots = more.slots;
	closures->room = more.room;
	return 0;
}

int ct_closures_add(struct ct_closures *closures, uint64_t code, enum ct_closure_role role)
{
	size_t i;

	if (!code)
		return 0;
	if (closures->count * 4 >= closures->room && grow(closures))
		return -ENOMEM;
	i = slot_of(closures, code);
	if (!closures->slots[i].code)
		closures->count++;
	closures->slots[i] = (struct ct_closure_slot){ code, role };
	return 0;
}

int ct_closures_add_call(struct ct_closures *closures, uint64_t start, uint64_t end)
{
	struct ct_code_range *more;
	size_t i = closures->calls_count;

	if (i == closures->calls_room) {
		more = realloc(closures->calls, (i * 2 + 32) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		closures->calls = more;
		closures->calls_room = i * 2 + 32;
	}
	for (; i && closures->calls[i - 1].start > start; i--) // functions mostly come in order
		closures->calls[i] = closures->calls[i - 1];
	closures->calls[i] = (struct ct_code_range){ start, end };
	closures->calls_count++;
	return 0;
}

bool ct_closures_is_call(const struct ct_closures *closures, uint64_t pc)
{
	size_t low = 0, high = closures->calls_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (closures->calls[middle].start < pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pc <= closures->calls[low - 1].end; // a call that never returns is a function's last instruction
}

struct loading {
	struct ct_closures *closures;
	unsigned int minor;
	uint64_t load_bias;
};

static int visit(void *opaque, const struct ct_function *function)
{
	struct loading *loading = opaque;
	enum ct_closure_role role = ct_closure_role_of(function->name, loading->minor);
	uint64_t start = function->start + loading->load_bias;
	int rc = role ? ct_closures_add(loading->closures, start, role) : 0;

	if (!rc && (ct_closure_is_owner(role) || is_creator(function->name)))
		rc = ct_closures_add_call(loading->closures, start, function->end + loading->load_bias);
	return rc;
}

int ct_closures_load(struct ct_closures *closures, struct ct_binary *binary, unsigned int minor, uint64_t load_bias)
{
	struct loading loading = { closures, minor, load_bias };

	return ct_binary_each_function(binary, visit, &loading);
}

enum ct_closure_role ct_closures_look(const struct ct_closures *closures, uint64_t code)
{
	if (!closures->room || !code)
		return CT_CLOSURE_NONE;
	return (enum ct_closure_role)closures->slots[slot_of(closures, code)].role;
}

void ct_closures_done(struct ct_closures *closures)
{
	free(closures->slots);
	free(closures->calls);
	*closures = (struct ct_closures){ 0 };
}
