// SPDX-License-Identifier: Apache-2.0
/* Go's build info in the writable data of a program, and the text of a version by itself. */
#include "go_sample.h"
#include "raw_image.h"

#include "symbol/binary.h"
#include "symbol/go_build_info.h"

#include <errno.h>
#include <string.h>

static void check(int r, const struct ct_go_version *version)
{
	FUZZ_CHECK(r == 0 || r == -EPROTO || r == -ENOENT);
	if (r)
		return;
	FUZZ_CHECK(memchr(version->text, '\0', sizeof(version->text)) && version->minor);
}

/* Vendors' suffixes and experiments are kept, up to the room there is. */
static void check_text(int r, const struct ct_go_version *version, const char *text)
{
	check(r, version);
	FUZZ_CHECK(r || !strncmp(version->text, text, sizeof(version->text) - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_go_version version = { 0 };
	struct ct_image image;
	char *text = fuzz_copy(data, size);

	raw_image_init(&image, CT_SAMPLE_DATA, data, size);
	check(ct_go_build_info_read(&image, &version), &version);
	raw_image_done(&image);
	version = (struct ct_go_version){ 0 };
	check_text(ct_go_version_parse(text, &version), &version, text);
	free(text);
	return 0;
}
