// SPDX-License-Identifier: Apache-2.0
/* Events to text. */
#include "event/text_codec.h"

#include "event/names.h"
#include "event/text_fields.h"
#include "event/text_values.h"

#include <string.h>

static void print_field(struct ct_text *text, const struct ct_event *event, const struct ct_field *field)
{
	bool has_field = field->offset + (size_t)field->size <= event->bytes; // older recordings may lack it
	uint64_t value = has_field ? ct_field_get(event->header, field) : 0;

	if (!value && field->type != CT_FIELD_NAME)
		return;
	ct_text_addf(text, " %s=", field->name);
	switch (field->type) {
	case CT_FIELD_HEX:
		ct_text_addf(text, "0x%llx", (unsigned long long)value);
		break;
	case CT_FIELD_MOMENT:
		ct_text_add_moment_after(text, value, event->header->time_ns);
		break;
	case CT_FIELD_NAME:
		ct_text_add(text, field->names[value]); // decoding has checked the range
		break;
	case CT_FIELD_BITS:
		ct_text_add_bits(text, value, field->names);
		break;
	default:
		ct_text_addf(text, "%llu", (unsigned long long)value);
		break;
	}
}

/* A field may have a second, shorter name; the first is printed. */
static void print_fields(struct ct_text *text, const struct ct_event *event, const struct ct_field *fields)
{
	for (const struct ct_field *field = fields; field && field->name; field++)
		if (field == fields || field->offset != field[-1].offset)
			print_field(text, event, field);
}

static void print_strings(struct ct_text *text, const struct ct_event *event, const struct ct_layout *layout)
{
	const char *at = (const char *)event->header + layout->bytes;

	for (const char *const *name = layout->tail_names; *name; name++, at += strlen(at) + 1) {
		if (!*at)
			continue;
		ct_text_addf(text, " %s=", *name);
		ct_text_add_word(text, at);
	}
}

static void print_frames(struct ct_text *text, const struct ct_event_site *site)
{
	const char *at = (const char *)(site + 1);

	for (unsigned int i = 0; i < site->frames; i++) {
		uint32_t line;
		uint8_t flags = (uint8_t)at[sizeof(line)];

		memcpy(&line, at, sizeof(line));
		at += sizeof(line) + sizeof(flags);
		ct_text_add(text, " frame=");
		ct_text_add_word(text, at);
		at += strlen(at) + 1;
		ct_text_add(text, "|");
		ct_text_add_word(text, at);
		at += strlen(at) + 1;
		ct_text_addf(text, "|%u", line);
		if (!flags)
			continue;
		ct_text_add(text, "|");
		ct_text_add_bits(text, flags, ct_frame_flags);
	}
}

static void print_stack(struct ct_text *text, const struct ct_event_stack *stack)
{
	for (unsigned int i = 0; i < stack->depth; i++)
		ct_text_addf(text, " frame=0x%llx", (unsigned long long)stack->frames[i]);
}

static void print_content(struct ct_text *text, const struct ct_event_memory *memory)
{
	const uint8_t *content = (const uint8_t *)(memory + 1);

	if (memory->header.flags)
		return;
	ct_text_add(text, " content=");
	for (uint64_t i = 0; i < memory->bytes; i++)
		ct_text_addf(text, "%02x", content[i]);
}

/* A fact of a newer version has a number for a name. */
static void print_facts(struct ct_text *text, const struct ct_event_facts *facts)
{
	const struct ct_fact *fact = (const struct ct_fact *)(facts + 1);

	for (uint32_t i = 0; i < facts->count; i++, fact++) {
		if (fact->name && fact->name < CT_FACT_NAME_END)
			ct_text_addf(text, " fact=%s", ct_fact_names[fact->name]);
		else
			ct_text_addf(text, " fact=%u", fact->name);
		ct_text_addf(text, "|0x%llx", (unsigned long long)fact->first);
		if (fact->second)
			ct_text_addf(text, "|0x%llx", (unsigned long long)fact->second);
	}
}

void ct_event_text_print(struct ct_text *text, const struct ct_event *event, uint64_t *now_ns)
{
	const struct ct_layout *layout = &ct_layouts[event->header->type % CT_EVENT_TYPE_END];

	ct_text_add_moment_after(text, event->header->time_ns, *now_ns);
	*now_ns = event->header->time_ns;
	ct_text_addf(text, " %s", ct_event_name(event->header->type));
	print_fields(text, event, layout->fields);
	print_fields(text, event, ct_header_fields);
	if (layout->tail == CT_TAIL_STRINGS)
		print_strings(text, event, layout);
	else if (layout->tail == CT_TAIL_FRAMES)
		print_frames(text, event->site);
	else if (layout->tail == CT_TAIL_STACK)
		print_stack(text, event->stack);
	else if (layout->tail == CT_TAIL_CONTENT)
		print_content(text, event->memory);
	else if (layout->tail == CT_TAIL_FACTS)
		print_facts(text, event->facts);
	ct_text_add(text, "\n");
}
