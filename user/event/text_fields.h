// SPDX-License-Identifier: Apache-2.0
/* How each event is written as text: one table of fields per struct, private to the text codec. */
#pragma once

#include "ctxtrace/source.h"

/** How a field is written. */
enum ct_field_type {
	CT_FIELD_HEX,	 /**< Addresses. */
	CT_FIELD_COUNT,	 /**< Decimal. */
	CT_FIELD_MOMENT, /**< Nanoseconds of the stream's clock, relative to the event. */
	CT_FIELD_NAME,	 /**< Number of a name. */
	CT_FIELD_BITS,	 /**< Names of bits, joined by `|`. */
};

/** One field of an event. */
struct ct_field {
	const char *name;
	uint16_t offset;
	uint8_t size; /**< 1, 2, 4 or 8 bytes. */
	uint8_t type; /**< enum ct_field_type. */
	const char *const *names; /**< For NAME and BITS, NULL-terminated. */
};

/** What follows the fixed part. */
enum ct_tail {
	CT_TAIL_NONE,
	CT_TAIL_STRINGS, /**< As many strings as `tail_names` has. */
	CT_TAIL_FRAMES,	 /**< Packed frames of SITE. */
	CT_TAIL_STACK,	 /**< Addresses of STACK, inside the struct. */
	CT_TAIL_CONTENT, /**< Bytes of MEMORY. */
	CT_TAIL_FACTS,	 /**< struct ct_fact of FACTS. */
};

/** One event type. */
struct ct_layout {
	uint16_t bytes; /**< Of the fixed part; 0 for an unknown type. */
	uint8_t tail;	/**< enum ct_tail. */
	const struct ct_field *fields; /**< Ends with a NULL name; may be NULL. */
	const char *const *tail_names; /**< Of the strings, NULL-terminated. */
	struct ct_field tail_bytes;    /**< Where the length of the strings or frames goes. */
};

/** The layout of every type, CT_EVENT_TYPE_END of them. */
extern const struct ct_layout ct_layouts[CT_EVENT_TYPE_END];

/** Fields of every header that are written when they are not zero. */
extern const struct ct_field ct_header_fields[];

/** Names of the bits in a frame's flags. */
extern const char *const ct_frame_flags[];

/** Read a field of `size` bytes. */
uint64_t ct_field_get(const void *event, const struct ct_field *field);

/** Write a field. @return false when the value does not fit. */
bool ct_field_set(void *event, const struct ct_field *field, uint64_t value);
