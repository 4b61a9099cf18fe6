// SPDX-License-Identifier: Apache-2.0
/* Running a property over many seeds; cutting down and saving what breaks it. */
#include "stream.h"

#include "base/cleanup.h"
#include "event/text_codec.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define PATH_BYTES 256

/* The stream without `length` events from `at` on. */
static void copy_without(struct stream *to, const struct stream *from, size_t at, size_t length)
{
	*to = (struct stream){.kept = from->kept, .seed = from->seed};
	for (size_t i = 0; i < from->count; i++)
		if (i < at || i >= at + length)
			stream_add(to, from->ops[i].bytes, from->ops[i].length, from->ops[i].lane);
}

/* Try every place for a cut of this length. @return true when one was made. */
static bool cut(struct stream *stream, property_fn property, size_t length)
{
	bool has_cut = false;

	for (size_t at = stream->kept; at + length <= stream->count;) {
		struct stream shorter;

		copy_without(&shorter, stream, at, length);
		if (property(&shorter)) {
			stream_done(stream);
			*stream = shorter;
			has_cut = true;
		} else {
			stream_done(&shorter);
			at += length;
		}
	}
	return has_cut;
}

const char *stream_shrink(struct stream *stream, property_fn property)
{
	size_t length = (stream->count - stream->kept) / 2;

	while (length) {
		bool has_cut = cut(stream, property, length);

		if (length == 1 && has_cut)
			continue; // one less may make another one superfluous
		length /= 2;
	}
	return property(stream);
}

const char *stream_save(const struct stream *stream, const char *name, const char *wrong)
{
	static char path[PATH_BYTES];
	_ct_fclose_ FILE *file = NULL;
	struct ct_text text = {0};
	uint64_t now_ns = 0;

	ct_text_addf(&text, "# Property %s, seed %" PRIu64 ": %s.\n#! finds nothing\n", name, stream->seed, wrong);
	for (size_t i = 0; i < stream->count; i++) {
		struct ct_event event = stream_event(&stream->ops[i]);

		ct_event_text_print(&text, &event, &now_ns);
	}
	snprintf(path, sizeof(path), "%s.%" PRIu64 ".events", name, stream->seed);
	file = fopen(path, "we");
	if (!file || text.failed || fwrite(text.data, 1, text.length, file) != text.length)
		snprintf(path, sizeof(path), "nowhere: it could not be written");
	ct_text_done(&text);
	return path;
}

static void check_seed(const char *name, maker_fn make, property_fn property, uint64_t seed)
{
	struct stream stream;
	char directory[PATH_BYTES], wrong[PATH_BYTES];
	const char *found;

	make(&stream, seed);
	found = property(&stream);
	if (!found) {
		stream_done(&stream);
		return;
	}
	print_message("%s: seed %" PRIu64 ", %zu events: %s\n", name, seed, stream.count, found);
	snprintf(wrong, sizeof(wrong), "%s", stream_shrink(&stream, property));
	print_message("%s: shrunk to %zu events: %s\n", name, stream.count, wrong);
	print_message("%s: saved as %s/%s\n", name, getcwd(directory, sizeof(directory)) ? directory : ".",
		      stream_save(&stream, name, wrong));
	stream_done(&stream);
	fail_msg("%s breaks with seed %" PRIu64 " (again: CTXTRACE_SEED=%" PRIu64 ")", name, seed, seed);
}

/* One more stream, whose seed no list has. Under CTXTRACE_SOAK=1 that of the clock is used, too. */
static void check_others(const char *name, maker_fn make, property_fn property)
{
	const char *content = getenv("CTXTRACE_CONTENT_SEED"), *soak = getenv("CTXTRACE_SOAK");
	struct timespec now;
	uint64_t seed;

	if (content) {
		print_message("%s: seed %s, from the content of the sources\n", name, content);
		check_seed(name, make, property, strtoull(content, NULL, 10));
	}
	if (!soak || strcmp(soak, "1"))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	print_message("%s: seed %" PRIu64 ", from the clock\n", name, seed);
	check_seed(name, make, property, seed);
}

void property_check(const char *name, maker_fn make, property_fn property, uint64_t streams)
{
	const char *one = getenv("CTXTRACE_SEED"), *many = getenv("CTXTRACE_STREAMS");

	if (one) {
		check_seed(name, make, property, strtoull(one, NULL, 10));
		return;
	}
	if (many)
		streams = strtoull(many, NULL, 10);
	print_message("%s: seeds 1 to %" PRIu64 "\n", name, streams);
	for (uint64_t i = 1; i <= streams; i++)
		check_seed(name, make, property, i);
	check_others(name, make, property);
}
