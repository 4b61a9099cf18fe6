// SPDX-License-Identifier: Apache-2.0
/*
 * make_corpus DIRECTORY: writes the seeds of the fuzz targets that are not text: miniature programs of every layout
 * that Go ever had, and the stories of DIRECTORY/event_text as raw events and as recordings. Run it again when a format
 * or a miniature changes; inputs kept from faults have other names and stay.
 */
#include "elf_sample.h"
#include "go_sample.h"

#include "event/text_codec.h"
#include "source/recorder.h"
#include "source/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned int releases[] = { 17, 19, 20, 25, 26, 27 };
static const char *const stories[] = { "window", "proven" };

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
	ct_elf_sample_build(elf);
	write_seed("elf", "c", -1, elf, sizeof(elf));
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++)
		write_story(stories[i]);
	return 0;
}
