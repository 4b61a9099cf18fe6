// SPDX-License-Identifier: Apache-2.0
/*
 * make_corpus DIRECTORY: writes the seeds of the fuzz targets that are not text: miniature programs of every layout
 * that Go ever had, readings of a miniature process, and the stories of DIRECTORY/event_text as raw events and as recordings. Run it again when a format
 * or a miniature changes; inputs kept from faults have other names and stay.
 */
#include "elf_sample.h"
#include "go_heap.h"
#include "go_sample.h"

#include "event/text_codec.h"
#include "memory/image_writer.h"
#include "source/recorder.h"
#include "source/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS_MIN 100 /* fewer zeros in a row are not told on their own */

static const unsigned int census_releases[] = { 17, 20, 21, 23, 24, 26, 27 };
static const unsigned int releases[] = { 17, 19, 20, 25, 26, 27 };
static const char *const stories[] = { "window", "proven", "explained", "threads" };

static const char *directory;

static void give_up(const char *what)
{
	fprintf(stderr, "make_corpus: %s: %s\n", what, strerror(errno));
	exit(1);
}

static FILE *open_seed(const char *target, const char *name, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, target, name);
	file = fopen(path, mode);
	if (!file)
		give_up(path);
	return file;
}

/* A seed: maybe a first byte that chooses, then a part of something. */
static void write_seed(const char *target, const char *name, int choice, const void *bytes, size_t count)
{
	FILE *file = open_seed(target, name, "we");

	if (choice >= 0)
		putc(choice, file);
	if (fwrite(bytes, 1, count, file) != count || fclose(file))
		give_up(name);
}

static void write_go(unsigned int minor)
{
	static struct ct_go_sample sample;
	const uint8_t *text, *pclntab, *data;
	char name[16];

	ct_go_sample_build(&sample, minor);
	text = sample.bytes + (CT_SAMPLE_TEXT - CT_SAMPLE_BASE);
	pclntab = sample.bytes + (CT_SAMPLE_PCLNTAB - CT_SAMPLE_BASE);
	data = sample.bytes + (CT_SAMPLE_DATA - CT_SAMPLE_BASE);
	snprintf(name, sizeof(name), "go1.%u", minor);
	write_seed("elf", name, -1, sample.bytes, sample.used);
	write_seed("go_module", name, (int)minor, text, CT_SAMPLE_DATA + 0x810 - CT_SAMPLE_TEXT);
	write_seed("go_build_info", name, -1, data, 0x60);
	write_seed("pclntab", name, 0, pclntab, CT_SAMPLE_GOFUNC + 0x30 - CT_SAMPLE_PCLNTAB);
}

/* A story in its three other shapes: raw events, a recording, and the content of one. */
struct shapes {
	FILE *events;
	FILE *content;
	struct ct_recorder *recorder;
};

static int add(void *opaque, const struct ct_event *event)
{
	struct shapes *shapes = opaque;
	__u32 length = (__u32)event->bytes;

	putc((int)(length & 0xff), shapes->events);
	putc((int)(length >> 8), shapes->events);
	fwrite(event->header, 1, length, shapes->events);
	fwrite(&length, sizeof(length), 1, shapes->content);
	fwrite(event->header, 1, length, shapes->content);
	return ct_recorder_write(shapes->recorder, event);
}

static void begin(struct shapes *shapes, const char *name, const char *recording)
{
	const struct ct_recording_head head = { .magic = CT_RECORDING_MAGIC, .abi = CT_EVENT_ABI };

	shapes->events = open_seed("event", name, "we");
	putc(0, shapes->events); // caps as usual
	putc(0, shapes->events); // every allocation succeeds
	shapes->content = open_seed("recording", name, "we");
	putc(1, shapes->content);
	fwrite(&head, sizeof(head), 1, shapes->content);
	if (ct_recorder_open(recording, false, &shapes->recorder, NULL))
		give_up(recording);
}

static size_t read_all(FILE *file, char *text, size_t room)
{
	size_t count = fread(text, 1, room - 1, file);

	text[count] = '\0';
	fclose(file);
	return count;
}

/* The recorder writes whole files; the seed has one byte more. */
static void finish(struct shapes *shapes, const char *name, const char *recording)
{
	static char bytes[65536];
	const __u32 end = 0;
	char packed[64];
	size_t count;
	FILE *file;

	fwrite(&end, sizeof(end), 1, shapes->content);
	if (fclose(shapes->events) || fclose(shapes->content) || ct_recorder_finish(shapes->recorder))
		give_up(name);
	ct_recorder_free(shapes->recorder);
	file = fopen(recording, "re");
	if (!file)
		give_up(recording);
	count = read_all(file, bytes, sizeof(bytes));
	remove(recording);
	snprintf(packed, sizeof(packed), "%s.packed", name);
	write_seed("recording", packed, 0, bytes, count);
}

static void write_story(const char *name)
{
	static char text[65536];
	struct ct_error error = CT_ERROR_INIT;
	struct shapes shapes;
	char file_name[64], recording[4096];

	snprintf(file_name, sizeof(file_name), "%s.events", name);
	snprintf(recording, sizeof(recording), "%s/%s.recording", directory, name);
	read_all(open_seed("event_text", file_name, "re"), text, sizeof(text));
	begin(&shapes, name, recording);
	if (ct_event_text_parse(text, add, &shapes, &error)) {
		fprintf(stderr, "make_corpus: %s: %s\n", file_name, error.message);
		exit(1);
	}
	finish(&shapes, name, recording);
}

static int write_event(FILE *file, const void *bytes, size_t length)
{
	putc((int)(length & 0xff), file);
	putc((int)(length >> 8), file);
	return fwrite(bytes, 1, length, file) == length ? 0 : -EIO;
}

/* Zeros from `at` on, at most to `end`. */
static size_t zeros(const uint8_t *content, size_t at, size_t end)
{
	size_t count = 0;

	while (at + count < end && !content[at + count])
		count++;
	return count;
}

/* A stretch with long zeros told apart: pages of a miniature are nearly empty, and a seed has to be small. */
static int write_memory(FILE *file, const struct ct_event_memory *memory)
{
	const uint8_t *content = (const uint8_t *)(memory + 1);
	int rc = 0;

	for (size_t at = 0, end; at < memory->bytes && !rc; at = end) {
		struct {
			struct ct_event_memory memory;
			uint8_t content[CT_MEMORY_BYTES_MAX];
		} part = { .memory = *memory };
		size_t count = zeros(content, at, memory->bytes);

		count = count >= ZEROS_MIN ? count : 0;
		part.memory.header.flags = count ? CT_MEMORY_ZERO : 0;
		for (end = at + count; !count && end < memory->bytes; end++)
			if (zeros(content, end, memory->bytes) >= ZEROS_MIN)
				break;
		part.memory.address += at;
		part.memory.bytes = end - at;
		memcpy(part.content, content + at, count ? 0 : end - at);
		rc = write_event(file, &part, sizeof(part.memory) + (count ? 0 : end - at));
	}
	return rc;
}

static int add_to_image(void *opaque, const struct ct_event *event)
{
	if (event->header->type == CT_EVENT_MEMORY && !event->header->flags)
		return write_memory(opaque, event->memory);
	return write_event(opaque, event->header, event->bytes);
}

/* Two readings of a miniature process; a cancel function is gone in the second. */
static void write_census(unsigned int minor, bool has_inlined_creators)
{
	static struct go_heap process;
	struct ct_census_facts facts = go_heap_facts(minor);
	struct ct_census_result result = { 0 };
	struct ct_image_writer *writer;
	struct ct_census *census = NULL;
	char name[32];
	FILE *file;

	snprintf(name, sizeof(name), has_inlined_creators ? "go1.%u_inlined" : "go1.%u", minor);
	file = open_seed("census", name, "we");
	putc(has_inlined_creators, file);
	go_heap_build(&process, minor);
	facts.has_inlined_creators = has_inlined_creators;
	writer = ct_image_writer_new(add_to_image, file);
	if (!writer || ct_census_over(&facts, &process.fake.memory, &census, NULL) ||
	    ct_census_facts_tell(ct_census_facts(census), 0, add_to_image, file))
		give_up(name);
	ct_census_look_at(census, GO_HEAP_ARENA, GO_HEAP_ARENA + CT_ARENA_BYTES);
	ct_census_listen(census, ct_image_writer_listener(writer));
	for (uint32_t scan = 1; scan <= 2; scan++) {
		ct_image_writer_begin(writer, scan, 0);
		if (ct_census_scan(census, NULL, NULL, &result, NULL) || !result.is_complete)
			give_up(name);
		ct_census_state_of(census, &result, process.contexts[GO_HEAP_CANCELLED]);
		ct_census_result_done(&result);
		memset(process.heap + 2 * CT_GO_PAGE_BYTES + 16, 0, 16);
	}
	if (ct_image_writer_error(writer) || fclose(file))
		give_up(name);
	ct_census_free(census);
	ct_image_writer_free(writer);
	go_heap_done(&process);
}

int main(int argc, char **argv)
{
	uint8_t elf[CT_ELF_SAMPLE_BYTES];

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[1];
	for (size_t i = 0; i < sizeof(releases) / sizeof(*releases); i++)
		write_go(releases[i]);
	for (size_t i = 0; i < sizeof(census_releases) / sizeof(*census_releases); i++)
		write_census(census_releases[i], false);
	write_census(26, true);
	ct_elf_sample_build(elf);
	write_seed("elf", "c", -1, elf, sizeof(elf));
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++)
		write_story(stories[i]);
	return 0;
}
