// SPDX-License-Identifier: Apache-2.0
/*
 * Recordings: what was written is read, and a file that is not exactly that is an error: cut anywhere, any bit flipped,
 * written by a newer version, or no recording at all.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "event/text_codec.h"
#include "source/recorder.h"
#include "source/recording.h"
#include "source/source_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <cmocka.h>

#define WHOLE	"recording.whole"
#define DAMAGED "recording.damaged"

static const char story[] = "+0 target pid=7 runtime=go exe=/bin/shop version=go1.26\n"
			    "+0 site path=1 frame=main.run|main.go|12 frame=main.main|main.go|5\n"
			    "+0 begin wall_clock_ns=1700000000000000000\n"
			    "+1ms create context=0xc000010000 task=7 kind=deadline parent_kind=background "
			    "deadline=+500ms path=1\n"
			    "+1s cancel context=0xc000010000 reason=deadline\n"
			    "+0 end reason=signal\n";

static int write_event(void *opaque, const struct ct_event *event)
{
	return ct_recorder_write(opaque, event);
}

static void record(const char *path, const char *text)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_recorder *recorder;

	assert_int_equal(ct_recorder_open(path, false, &recorder, &error), 0);
	assert_int_equal(ct_event_text_parse(text, write_event, recorder, &error), 0);
	assert_int_equal(ct_recorder_finish(recorder), 0);
	ct_recorder_free(recorder);
}

/* What a recording tells, as text again. */
struct told {
	struct ct_text text;
	uint64_t now_ns;
};

static int tell(void *opaque, const struct ct_event *event)
{
	struct told *told = opaque;

	assert_int_equal((uintptr_t)event->header % 8, 0);
	ct_event_text_print(&told->text, event, &told->now_ns);
	return 0;
}

/* Open, drain, close. @return as drain. */
static int replay(const char *path, struct told *told, struct ct_error *reterr)
{
	struct ct_source *source = NULL;
	int rc = ct_source_file_open(path, &source, reterr);

	*told = (struct told){0};
	if (rc) {
		assert_null(source);
		return rc;
	}
	rc = source->ops->drain(source, tell, told, reterr);
	source->ops->done(source);
	return rc;
}

static size_t read_whole(char *bytes, size_t room)
{
	_ct_fclose_ FILE *file = fopen(WHOLE, "re");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, room, file);
	assert_true(length > 100 && length < room);
	return length;
}

static void write_damaged(const char *bytes, size_t length)
{
	_ct_fclose_ FILE *file = fopen(DAMAGED, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
}

static void what_was_written_is_read(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct told told;

	(void)state;
	record(WHOLE, story);
	assert_int_equal(replay(WHOLE, &told, &error), 6);
	assert_string_equal(told.text.data, story);
	ct_text_done(&told.text);
	record(WHOLE, ""); // nothing happened: still a recording
	assert_int_equal(replay(WHOLE, &told, &error), 0);
	assert_null(told.text.data);
}

static void many_events_are_read(void **state)
{
	struct ct_text text = {0};
	struct told told;

	(void)state;
	for (int i = 1; i <= 20000; i++)
		ct_text_addf(&text, "+7ns free context=0x%x\n", i * 2654435761u);
	record(WHOLE, text.data);
	assert_int_equal(replay(WHOLE, &told, NULL), 20000);
	assert_string_equal(told.text.data, text.data);
	ct_text_done(&told.text);
	ct_text_done(&text);
}

static void every_cut_is_told(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	char bytes[4096];
	size_t length;

	(void)state;
	record(WHOLE, story);
	length = read_whole(bytes, sizeof(bytes));
	for (size_t cut = 0; cut < length; cut++) {
		struct told told;

		write_damaged(bytes, cut);
		assert_true(replay(DAMAGED, &told, &error) < 0);
		assert_true(strlen(error.message) > 10);
		ct_text_done(&told.text);
	}
}

/*
 * A flipped bit is an error, or it changed nothing: the time stamp in a gzip head, the code of a symbol that does not
 * occur. What must never be is other events.
 */
static void every_flipped_bit_is_told(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	char bytes[4096];
	size_t length, told_apart = 0;

	(void)state;
	record(WHOLE, story);
	length = read_whole(bytes, sizeof(bytes));
	for (size_t bit = 0; bit < 8 * length; bit++) {
		struct told told;
		int rc;

		bytes[bit / 8] ^= (char)(1 << bit % 8);
		write_damaged(bytes, length);
		rc = replay(DAMAGED, &told, &error);
		if (rc >= 0)
			assert_string_equal(told.text.data, story);
		else
			assert_null(strstr(error.message, "<fd:")); // zlib's name for it
		told_apart += rc < 0;
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		ct_text_done(&told.text);
	}
	assert_true(told_apart > 8 * (length - 10) * 9 / 10); // all but the head's idle bytes, nearly
}

/* A recording made by hand: head, then bytes as given. */
static void write_by_hand(const struct ct_recording_head *head, const void *bytes, unsigned int length)
{
	gzFile file = gzopen(DAMAGED, "wb");

	assert_non_null(file);
	assert_int_equal(gzwrite(file, head, sizeof(*head)), sizeof(*head));
	assert_int_equal(gzwrite(file, bytes, length), length);
	assert_int_equal(gzclose(file), Z_OK);
}

static const struct ct_recording_head this_version = {.magic = CT_RECORDING_MAGIC, .abi = CT_EVENT_ABI};

/* One record: its length, then an event of this type with that many bytes. */
struct record {
	__u32 length;
	struct {
		__u32 time[2];
		__u32 sequence;
		__u16 cpu;
		__u8 type;
		__u8 flags;
	} header; /* as struct ct_event_header, without its alignment */
	__u32 end;
};

static void newer_versions_are_refused_by_name(void **state)
{
	struct ct_recording_head newer = this_version;
	struct ct_error error = CT_ERROR_INIT;
	struct told told;

	(void)state;
	newer.abi = CT_EVENT_ABI + 1;
	write_by_hand(&newer, "\0\0\0\0", 4);
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	assert_non_null(strstr(error.message, "newer ctxtrace"));
	newer.abi = UINT32_MAX;
	write_by_hand(&newer, "\0\0\0\0", 4);
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	memcpy(newer.magic, "CTXTRACF", 8);
	write_by_hand(&newer, "\0\0\0\0", 4);
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	assert_non_null(strstr(error.message, "no recording"));
}

static void records_are_checked_one_by_one(void **state)
{
	struct record record = {.length = sizeof(struct ct_event_header)};
	struct ct_error error = CT_ERROR_INIT;
	struct told told;

	(void)state;
	record.header.type = CT_EVENT_TICK;
	write_by_hand(&this_version, &record, sizeof(record));
	assert_int_equal(replay(DAMAGED, &told, &error), 1);
	ct_text_done(&told.text);
	record.header.type = 63; // of a later version with the same number: skipped
	write_by_hand(&this_version, &record, sizeof(record));
	assert_int_equal(replay(DAMAGED, &told, &error), 0);
	record.header.type = CT_EVENT_CREATE; // too short for its type
	write_by_hand(&this_version, &record, sizeof(record));
	assert_int_equal(replay(DAMAGED, &told, &error), -EBADMSG);
	record.length = CT_EVENT_BYTES_MAX + 1;
	write_by_hand(&this_version, &record, sizeof(record));
	assert_int_equal(replay(DAMAGED, &told, &error), -EBADMSG);
	record.length = UINT32_MAX;
	write_by_hand(&this_version, &record, sizeof(record));
	assert_int_equal(replay(DAMAGED, &told, &error), -EBADMSG);
	assert_non_null(strstr(error.message, "damaged"));
}

static void what_follows_the_end_is_told(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct told told;

	(void)state;
	write_by_hand(&this_version, "\0\0\0\0x", 5);
	assert_int_equal(replay(DAMAGED, &told, &error), -EBADMSG);
	assert_non_null(strstr(error.message, "behind its end"));
}

static void what_is_no_recording_is_told(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct told told;

	(void)state;
	write_damaged("", 0);
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	assert_non_null(strstr(error.message, "empty"));
	write_damaged("CTXTRACE\1\0\0\0\0\0\0\0\0\0\0\0", 20); // not packed: its checksum is missing
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	write_damaged("hello", 5);
	assert_int_equal(replay(DAMAGED, &told, &error), -ENOMSG);
	assert_int_equal(replay(".", &told, &error), -ENOMSG);
	assert_non_null(strstr(error.message, "directory"));
	assert_int_equal(replay("no/such/file", &told, &error), -ENOENT);
	assert_int_equal(replay("no/such/file", &told, NULL), -ENOENT);
}

static int refuse_second(void *opaque, const struct ct_event *event)
{
	(void)event;
	return ++*(int *)opaque == 2 ? -ECANCELED : 0;
}

static void a_sink_may_stop_the_replay(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_source *source;
	int seen = 0;

	(void)state;
	record(WHOLE, story);
	assert_int_equal(ct_source_file_open(WHOLE, &source, &error), 0);
	assert_int_equal(source->ops->drain(source, refuse_second, &seen, &error), -ECANCELED);
	assert_int_equal(seen, 2);
	source->ops->done(source);
}

static void unfinished_recordings_are_cut_ones(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_recorder *recorder;
	struct told told;

	(void)state;
	assert_int_equal(ct_recorder_open(WHOLE, false, &recorder, &error), 0);
	assert_int_equal(ct_event_text_parse(story, write_event, recorder, &error), 0);
	ct_recorder_free(recorder);
	assert_int_equal(replay(WHOLE, &told, &error), -EBADMSG);
	assert_non_null(strstr(error.message, "cut off"));
	ct_text_done(&told.text);
	ct_recorder_free(NULL);
	assert_int_equal(ct_recorder_open("no/such/directory/file", false, &recorder, &error), -ENOENT);
}

static void a_full_disk_is_told(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_recorder *recorder;
	int rc;

	(void)state;
	assert_int_equal(ct_recorder_open("/dev/full", false, &recorder, &error), 0);
	assert_int_equal(ct_event_text_parse(story, write_event, recorder, &error), 0); // still in the buffer
	rc = ct_recorder_finish(recorder);
	assert_int_equal(rc, -ENOSPC);
	ct_recorder_free(recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(many_events_are_read),
		cmocka_unit_test(every_cut_is_told),
		cmocka_unit_test(every_flipped_bit_is_told),
		cmocka_unit_test(newer_versions_are_refused_by_name),
		cmocka_unit_test(records_are_checked_one_by_one),
		cmocka_unit_test(what_follows_the_end_is_told),
		cmocka_unit_test(what_is_no_recording_is_told),
		cmocka_unit_test(a_sink_may_stop_the_replay),
		cmocka_unit_test(unfinished_recordings_are_cut_ones),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
