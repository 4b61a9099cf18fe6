// SPDX-License-Identifier: Apache-2.0
/* Text to events. */
#include "event/text_codec.h"

#include "event/names.h"
#include "event/text_fields.h"
#include "event/text_values.h"

#include <errno.h>
#include <string.h>

/* Room behind the fixed part for the strings of one event; the tail is put together before its length is known. */
struct parse {
	const char *line;
	struct ct_word rest; /* of the line */
	const struct ct_layout *layout;
	struct ct_event_header *header; /* the event, `bytes` of `size` used */
	size_t bytes;
	size_t size;
	struct ct_word strings[4]; /* in the order of the layout's tail_names */
	struct ct_error *reterr;
};

static int fail(const struct parse *parse, struct ct_word word, int code, const char *why)
{
	int length = word.length < 80 ? (int)word.length : 80;

	if (parse->reterr)
		parse->reterr->offset = (uint64_t)(word.at - parse->line);
	return ct_error_set(parse->reterr, code, "column %zu: %s: \"%.*s\"", (size_t)(word.at - parse->line) + 1, why,
			    length, word.at);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of the line, empty at its end or at a comment. */
static struct ct_word next_word(struct ct_word *rest)
{
	struct ct_word word;

	while (rest->length && is_blank(*rest->at)) {
		rest->at++;
		rest->length--;
	}
	word = (struct ct_word){ rest->at, 0 };
	if (rest->length && *rest->at == '#')
		return word;
	while (word.length < rest->length && !is_blank(word.at[word.length]))
		word.length++;
	rest->at += word.length;
	rest->length -= word.length;
	return word;
}

static bool is_word(struct ct_word word, const char *name)
{
	return word.length == strlen(name) && !memcmp(word.at, name, word.length);
}

static bool parse_value(const struct parse *parse, const struct ct_field *field, struct ct_word word, uint64_t *ret)
{
	switch (field->type) {
	case CT_FIELD_MOMENT:
		return ct_word_moment(word, parse->header->time_ns, ret);
	case CT_FIELD_NAME:
		return ct_word_name(word, field->names, ret);
	case CT_FIELD_BITS:
		return ct_word_bits(word, field->names, ret);
	default:
		return ct_word_number(word, ret);
	}
}

static const struct ct_field *find_field(const struct ct_field *fields, struct ct_word name)
{
	for (const struct ct_field *field = fields; field && field->name; field++)
		if (is_word(name, field->name))
			return field;
	return NULL;
}

/* Append an unescaped string and its NUL. */
static int append_string(struct parse *parse, struct ct_word word)
{
	char *at = (char *)parse->header + parse->bytes;
	int length;

	if (word.length + 1 > parse->size - parse->bytes)
		return fail(parse, word, -ENOBUFS, "no room for");
	length = word.length ? ct_word_unescape(word, at) : 0;
	if (length < 0)
		return fail(parse, word, -EINVAL, "a broken escape in");
	at[length] = '\0';
	parse->bytes += (size_t)length + 1;
	return 0;
}

/* function|file|line|flags */
static int parse_site_frame(struct parse *parse, struct ct_word word)
{
	struct ct_event_site *site = (struct ct_event_site *)parse->header;
	struct ct_word rest = word, function = ct_word_cut(&rest, '|'), file = ct_word_cut(&rest, '|');
	struct ct_word line = ct_word_cut(&rest, '|');
	uint64_t number = 0, flags = 0;
	uint32_t line_field;
	char *at = (char *)parse->header + parse->bytes;
	int rc;

	if ((line.length && !ct_word_number(line, &number)) || !ct_word_bits(rest, ct_frame_flags, &flags) ||
	    number > UINT32_MAX || flags > UINT8_MAX || site->frames == UINT16_MAX)
		return fail(parse, word, -EINVAL, "no frame (function|file|line|flags)");
	if (parse->size - parse->bytes < sizeof(line_field) + 1)
		return fail(parse, word, -ENOBUFS, "no room for");
	line_field = (uint32_t)number;
	memcpy(at, &line_field, sizeof(line_field));
	at[sizeof(line_field)] = (char)flags;
	parse->bytes += sizeof(line_field) + 1;
	rc = append_string(parse, function);
	if (!rc)
		rc = append_string(parse, file);
	site->frames += !rc;
	return rc;
}

static int parse_stack_frame(struct parse *parse, struct ct_word word)
{
	struct ct_event_stack *stack = (struct ct_event_stack *)parse->header;
	uint64_t address;

	if (stack->depth == CT_STACK_FRAMES_MAX || !ct_word_number(word, &address))
		return fail(parse, word, -EINVAL, "no frame");
	stack->frames[stack->depth++] = address;
	return 0;
}

/* Two hexadecimal digits a byte. */
static int parse_content(struct parse *parse, struct ct_word word)
{
	struct ct_event_memory *memory = (struct ct_event_memory *)parse->header;
	uint8_t *at = (uint8_t *)parse->header + parse->bytes;

	if (word.length % 2 || word.length / 2 > parse->size - parse->bytes)
		return fail(parse, word, word.length % 2 ? -EINVAL : -ENOBUFS, "no content");
	for (size_t i = 0; i < word.length / 2; i++) {
		char digits[] = { '0', 'x', word.at[2 * i], word.at[2 * i + 1] };
		uint64_t byte;

		if (!ct_word_number((struct ct_word){ digits, sizeof(digits) }, &byte))
			return fail(parse, word, -EINVAL, "no content");
		at[i] = (uint8_t)byte;
	}
	parse->bytes += word.length / 2;
	memory->bytes = parse->bytes - sizeof(*memory);
	return 0;
}

/* name|first|second */
static int parse_fact(struct parse *parse, struct ct_word word)
{
	struct ct_event_facts *facts = (struct ct_event_facts *)parse->header;
	struct ct_word rest = word, name = ct_word_cut(&rest, '|'), first = ct_word_cut(&rest, '|');
	uint64_t number, one, two = 0;
	struct ct_fact fact;

	if ((!ct_word_name(name, ct_fact_names, &number) && !ct_word_number(name, &number)) || number > UINT32_MAX ||
	    !ct_word_number(first, &one) || (rest.length && !ct_word_number(rest, &two)))
		return fail(parse, word, -EINVAL, "no fact (name|first|second)");
	if (sizeof(fact) > parse->size - parse->bytes)
		return fail(parse, word, -ENOBUFS, "no room for");
	fact = (struct ct_fact){ .name = (uint32_t)number, .first = one, .second = two };
	memcpy((char *)parse->header + parse->bytes, &fact, sizeof(fact));
	parse->bytes += sizeof(fact);
	facts->count++;
	return 0;
}

/* A word that belongs to the tail. @return 1 when it is none of it. */
static int parse_tail_word(struct parse *parse, struct ct_word name, struct ct_word value)
{
	const char *const *names = parse->layout->tail_names;

	if (parse->layout->tail == CT_TAIL_FRAMES && is_word(name, "frame"))
		return parse_site_frame(parse, value);
	if (parse->layout->tail == CT_TAIL_STACK && is_word(name, "frame"))
		return parse_stack_frame(parse, value);
	if (parse->layout->tail == CT_TAIL_CONTENT && is_word(name, "content"))
		return parse_content(parse, value);
	if (parse->layout->tail == CT_TAIL_FACTS && is_word(name, "fact"))
		return parse_fact(parse, value);
	for (size_t i = 0; names && names[i]; i++) {
		if (is_word(name, names[i])) {
			parse->strings[i] = value;
			return 0;
		}
	}
	return 1;
}

static int parse_field(struct parse *parse, struct ct_word word)
{
	struct ct_word value = word, name = ct_word_cut(&value, '=');
	const struct ct_field *field = find_field(parse->layout->fields, name);
	uint64_t number;
	int rc;

	if (!field)
		field = find_field(ct_header_fields, name);
	if (!field) {
		rc = parse_tail_word(parse, name, value);
		return rc == 1 ? fail(parse, word, -EINVAL, "no field of this event") : rc;
	}
	if (!parse_value(parse, field, value, &number) || !ct_field_set(parse->header, field, number))
		return fail(parse, word, -EINVAL, "not a value of this field");
	return 0;
}

/* Strings go behind the fixed part in their own order, whatever order they were written in. */
static int finish_tail(struct parse *parse, struct ct_word event)
{
	const struct ct_layout *layout = parse->layout;
	int rc = 0;

	for (size_t i = 0; layout->tail_names && layout->tail_names[i] && !rc; i++)
		rc = append_string(parse, parse->strings[i]);
	if (rc || (layout->tail != CT_TAIL_STRINGS && layout->tail != CT_TAIL_FRAMES))
		return rc;
	if (!ct_field_set(parse->header, &layout->tail_bytes, parse->bytes - layout->bytes))
		return fail(parse, event, -EINVAL, "too much text in");
	return 0;
}

static uint8_t type_of(struct ct_word word)
{
	for (uint8_t type = 1; type < CT_EVENT_TYPE_END; type++)
		if (ct_layouts[type].bytes && is_word(word, ct_event_name(type)))
			return type;
	return 0;
}

static int parse_event(struct parse *parse, struct ct_word word, uint64_t time_ns)
{
	uint8_t type = type_of(word);
	struct ct_word event = word;
	struct ct_event checked;
	int rc = 0;

	if (!type)
		return fail(parse, word, -EINVAL, "no event is called");
	parse->layout = &ct_layouts[type];
	if (parse->size < parse->layout->bytes)
		return fail(parse, word, -ENOBUFS, "no room for");
	memset(parse->header, 0, parse->layout->bytes);
	parse->bytes = parse->layout->bytes;
	parse->header->time_ns = time_ns;
	parse->header->type = type;
	for (word = next_word(&parse->rest); word.length && !rc; word = next_word(&parse->rest))
		rc = parse_field(parse, word);
	if (!rc)
		rc = finish_tail(parse, event);
	if (!rc && ct_event_decode(parse->header, parse->bytes, &checked))
		rc = fail(parse, event, -EINVAL, "a field is missing or out of its range in");
	return rc;
}

int ct_event_text_parse_line(const char *line, uint64_t *now_ns, void *buffer, size_t size, size_t *ret_bytes,
			     struct ct_error *reterr)
{
	struct parse parse = { .line = line, .rest = { line, strcspn(line, "\n") }, .header = buffer, .size = size,
			       .reterr = reterr };
	struct ct_word word = next_word(&parse.rest);
	uint64_t time_ns = *now_ns;
	int rc;

	if (!word.length) {
		*ret_bytes = 0;
		return 0;
	}
	if (*word.at == '+' || *word.at == '-') {
		if (!ct_word_moment(word, *now_ns, &time_ns))
			return fail(&parse, word, -EINVAL, "no duration");
		word = next_word(&parse.rest);
	}
	rc = parse_event(&parse, word, time_ns);
	if (rc)
		return rc;
	*now_ns = time_ns;
	*ret_bytes = parse.bytes;
	return 0;
}
