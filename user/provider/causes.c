// SPDX-License-Identifier: Apache-2.0
#include "provider/causes.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Programs have few types of errors and few constant texts; one that has more is asked of the file again. */
#define NAMES_MAX 64
#define TEXTS_MAX 64

struct name {
	uint64_t type; /* 0: none */
	char text[CT_CAUSE_TYPE_BYTES + 1];
};

struct text {
	uint64_t address; /* 0: none */
	uint32_t bytes;	  /* asked for */
	bool is_known;
	char text[CT_CAUSE_TEXT_BYTES];
};

struct ct_causes {
	struct ct_target *target;
	struct name names[NAMES_MAX];
	struct text texts[TEXTS_MAX];
};

struct ct_causes *ct_causes_new(struct ct_target *target)
{
	struct ct_causes *causes = calloc(1, sizeof(*causes));

	if (causes)
		causes->target = target;
	return causes;
}

void ct_causes_free(struct ct_causes *causes)
{
	free(causes);
}

static const char *name_of(struct ct_causes *causes, uint64_t type)
{
	struct name *name = &causes->names[type / 32 % NAMES_MAX];

	if (!type || name->type == type)
		return type ? name->text : "";
	*name = (struct name){.type = type};
	if (ct_binary_go_type_name(ct_target_binary(causes->target), type - ct_target_load_bias(causes->target),
				   name->text, sizeof(name->text)))
		name->text[0] = '\0';
	return name->text;
}

/* A constant that nobody has looked at yet is in the file and not in memory. */
static const struct text *constant(struct ct_causes *causes, uint64_t address, uint32_t bytes)
{
	struct text *text = &causes->texts[(address ^ address >> 6) % TEXTS_MAX];

	if (text->address == address && text->bytes == bytes)
		return text;
	*text = (struct text){.address = address, .bytes = bytes};
	text->is_known = !ct_binary_go_constant(ct_target_binary(causes->target),
						address - ct_target_load_bias(causes->target), text->text, bytes);
	return text;
}

/* The bytes of a text that are characters: a NUL ends it, and one that was cut in its middle goes. */
static size_t whole_bytes(const char *text, size_t bytes)
{
	size_t length = strnlen(text, bytes), last = length;

	if (length < bytes || !length)
		return length;
	do
		last--;
	while (last && length - last < 4 && ((unsigned char)text[last] & 0xc0) == 0x80);
	return (unsigned char)text[last] >= 0xc0 && !ct_utf8_length(text + last, length - last) ? last : length;
}

/* @return where the text is; *ret_bytes 0 when it is not known. */
static const char *text_of(struct ct_causes *causes, const struct ct_event_cancel_cause *raw, size_t *ret_bytes)
{
	uint32_t bytes = raw->text_bytes < sizeof(raw->text) ? raw->text_bytes : sizeof(raw->text);
	const struct text *text;

	*ret_bytes = raw->read_bytes;
	if (raw->read_bytes || !raw->text_address || !bytes || !raw->type)
		return raw->text;
	text = constant(causes, raw->text_address, bytes);
	*ret_bytes = text->is_known ? bytes : 0;
	return text->text;
}

/* What context.Cause() says when no cause was given. */
static bool says_nothing(const char *type, const char *text, size_t bytes)
{
	static const char canceled[] = "context canceled";

	if (bytes == sizeof(canceled) - 1 && !memcmp(text, canceled, bytes))
		return true;
	return !bytes && !*type;
}

int ct_causes_name(struct ct_causes *causes, const struct ct_event_cancel_cause *raw, struct ct_cause_block *block,
		   struct ct_event *ret_event)
{
	const char *type = name_of(causes, raw->type);
	size_t type_bytes = strlen(type), bytes, whole;
	const char *text = text_of(causes, raw, &bytes);

	whole = raw->text_bytes > bytes ? whole_bytes(text, bytes) : strnlen(text, bytes);
	if (says_nothing(type, text, whole))
		return -ENOENT;
	*block = (struct ct_cause_block){
		.event = {
			.header = {.time_ns = raw->header.time_ns, .cpu = raw->header.cpu, .type = CT_EVENT_CAUSE},
			.context = raw->context,
			.strings_bytes = (uint32_t)(type_bytes + whole + 2),
		},
	};
	if (bytes && raw->text_bytes > whole)
		block->event.header.flags = CT_CAUSE_CUT;
	memcpy(block->strings, type, type_bytes);
	memcpy(block->strings + type_bytes + 1, text, whole);
	return ct_event_decode(&block->event, sizeof(block->event) + block->event.strings_bytes, ret_event);
}
