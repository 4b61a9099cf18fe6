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
	FUZZ_CHECK(memchr(version->text, '\0', sizeof(version->text)));
	FUZZ_CHECK(version->minor && strstr(version->text, "go1."));
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
	check(ct_go_version_parse(text, &version), &version);
	free(text);
	return 0;
}
