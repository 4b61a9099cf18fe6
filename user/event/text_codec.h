// SPDX-License-Identifier: Apache-2.0
/*
 * Events as text, for streams that people read and write: golden tests, failing property tests, bug reports.
 *
 * One event a line: how much later than the line before, the event, its fields. Zero fields may be left out.
 *
 *     # comment
 *     +0      target pid=7 runtime=go exe=/bin/shop version=go1.26
 *     +0      site path=1 frame=main.run|main.go|12 frame=main.main|main.go|5|inlined
 *     +12ms   create context=0x1 task=7 kind=deadline deadline=+500ms parent_kind=background path=1
 *     +0      task_start task=8 creator=7 context=0x1
 *     +1.5s   observed context=0x1 scan=1 kind=deadline state=lost retained_by=parent|timer
 *     +0      facts fact=go_minor|26 fact=closure|0x401000|1 flags=last
 *     +0      memory scan=1 read=7 address=0xc000100000 content=00ff
 *     tick
 *
 * Moments inside an event (deadline, from, to, began) are relative to it with a sign and absolute without; 0 is none.
 * In names, `\xNN` stands for a byte that would end the word: blank, control character, `|`, `\`.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/source.h"

/**
 * Parse one line.
 *
 * @param line       NUL-terminated; a newline at its end is fine.
 * @param now_ns     Time of the line before; becomes this line's.
 * @param buffer     Where the event goes, 8-byte aligned.
 * @param size       Bytes there; CT_EVENT_BYTES_MAX is always enough.
 * @param ret_bytes  Length of the event; 0 for a blank line or a comment.
 * @param reterr     Where it is wrong; `offset` is the column, from 0.
 * @return 0; -EINVAL for what is no event; -ENOBUFS when `size` is too small.
 */
int ct_event_text_parse_line(const char *line, uint64_t *now_ns, void *buffer, size_t size, size_t *ret_bytes,
			     struct ct_error *reterr);

/**
 * Parse a whole stream from time 0 on and hand every event to `sink`.
 *
 * @param text    NUL-terminated lines.
 * @param reterr  Tells line and column; `offset` is the byte offset in `text`. A sink's own failure is not told here.
 * @return 0, a parse error as above, or what the sink returned when that was negative.
 */
int ct_event_text_parse(const char *text, ct_event_sink sink, void *opaque, struct ct_error *reterr);

/**
 * Append one line for an event, newline included.
 *
 * @param now_ns  Time of the line before; becomes this event's.
 */
void ct_event_text_print(struct ct_text *text, const struct ct_event *event, uint64_t *now_ns);
