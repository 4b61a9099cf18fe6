// SPDX-License-Identifier: Apache-2.0
/*
 * Random event streams, and what to do when one of them breaks a property: cut it down to a few events and save them as
 * text, so that the failure can be read, replayed and kept as a golden case.
 */
#pragma once

#include "ctxtrace/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest event of a random stream; those with long strings are left to other tests. */
#define OP_BYTES 88

/** One event. Any subset of a stream is a stream. */
struct op {
	_Alignas(8) unsigned char bytes[OP_BYTES];
	uint32_t length;
	uint32_t lane; /**< Events of one lane keep their order. */
};

/** A stream with its own memory. */
struct stream {
	struct op *ops;
	size_t count;
	size_t kept; /**< Events at the beginning that shrinking leaves alone. */
	uint64_t seed;
};

/** How often what happens, and how much is allowed. Weights of 0 leave an event out. */
struct recipe {
	size_t events;
	uint32_t addresses; /**< Contexts share so few that they come again. */
	uint32_t tasks;
	uint32_t paths;
	uint64_t step_ns; /**< Time between two events is below this. */
	bool has_late;	  /**< Times may go back. */
	bool has_threads; /**< Tasks are threads that tell all there is to tell. */
	uint8_t weights[CT_EVENT_TYPE_END];
};

/** @return the next number of a seed (splitmix64). */
uint64_t stream_draw(uint64_t *state);

/** @return a number below `end`. */
static inline uint64_t stream_below(uint64_t *state, uint64_t end)
{
	return stream_draw(state) % end;
}

/** @return address number `i`, from 1. The tree remembers ended contexts in slots; no two of these share one. */
uint64_t stream_address(uint32_t i);

/** Make a stream. Release it with stream_done(). */
void stream_make(struct stream *stream, const struct recipe *recipe, uint64_t seed);

/** Append a copy of one event. */
void stream_add(struct stream *stream, const void *event, size_t length, uint32_t lane);

/** Release it. */
void stream_done(struct stream *stream);

/** The event of an op, validated. */
struct ct_event stream_event(const struct op *op);

/** @return NULL when the property holds for this stream, else what is wrong, valid until the next call. */
typedef const char *(*property_fn)(const struct stream *stream);

/** Take away events as long as the property stays broken. @return what is wrong with the rest. */
const char *stream_shrink(struct stream *stream, property_fn property);

/** Write the stream as text. @return the path, static. */
const char *stream_save(const struct stream *stream, const char *name, const char *wrong);

/** Makes the stream of one seed. */
typedef void (*maker_fn)(struct stream *stream, uint64_t seed);

/**
 * Run a property on the streams of seeds 1 to `streams`, and of one seed more from the content of the sources: new
 * with each change of them, and the same when a run is repeated. Under CTXTRACE_SOAK=1 one from the clock comes after
 * it. Seeds are printed; a stream that breaks the property is shrunk, saved, named, and fails the test.
 */
void property_check(const char *name, maker_fn make, property_fn property, uint64_t streams);
