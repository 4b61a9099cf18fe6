// SPDX-License-Identifier: Apache-2.0
#include "detect/detector.h"

#include <string.h>

/* Bytes of a name that are worth reading in one sentence. */
#define FUNCTION_BYTES_MAX 96
#define FILE_BYTES_MAX 40

/* The innermost frame whose owner can change something: the standard library's are only passed through. */
static bool find_place(const struct ct_site *site, struct ct_frame *ret_frame)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	bool is_found = false;

	while (ct_frame_next(site, &cursor, &frame)) {
		if (!is_found)
			*ret_frame = frame;
		is_found = true;
		if (!(frame.flags & CT_FRAME_STDLIB)) {
			*ret_frame = frame;
			break;
		}
	}
	return is_found;
}

bool ct_text_add_place(struct ct_text *text, const struct ct_site *site)
{
	struct ct_frame frame;
	const char *base;

	if (!site || !find_place(site, &frame))
		return false;
	ct_text_add(text, "made in ");
	ct_text_add_escaped(text, frame.function, FUNCTION_BYTES_MAX);
	base = strrchr(frame.file, '/');
	base = base ? base + 1 : frame.file;
	if (*base) {
		ct_text_add(text, " at ");
		ct_text_add_escaped(text, base, FILE_BYTES_MAX);
		if (frame.line)
			ct_text_addf(text, ":%u", frame.line);
	}
	return true;
}

void ct_text_add_moment(struct ct_text *text, const struct ct_detect_input *input, uint64_t time_ns)
{
	uint64_t begin_ns = input->window->begin_ns;

	if (!input->window->has_begun || time_ns < begin_ns) {
		ct_text_add(text, "before the window");
		return;
	}
	ct_text_add_duration(text, time_ns - begin_ns);
	ct_text_add(text, " into the window");
}
