// SPDX-License-Identifier: Apache-2.0
/* Moduledata, found without symbols, and types through its itabs. The first byte is the release, the rest the image. */
#include "go_sample.h"
#include "raw_image.h"

#include "symbol/go_module.h"

#include <errno.h>

static void find_type(const struct ct_image *image, const struct ct_go_tables *tables, const char *type)
{
	uint64_t address = 0;
	int r = ct_go_tables_find_type(tables, image, type, "context.Context", &address);

	FUZZ_CHECK(r == 0 || r == -ENOENT || r == -ENOMEM);
	if (!r)
		FUZZ_CHECK(address >= tables->module.types && address < tables->module.etypes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_go_tables tables;
	struct ct_image image;
	int r;

	if (!size)
		return 0;
	raw_image_init(&image, CT_SAMPLE_TEXT, data + 1, size - 1);
	r = ct_go_tables_find(&image, data[0] % 32, &tables);
	FUZZ_CHECK(r == 0 || r == -ENOENT || r == -E2BIG);
	if (!r) {
		// The table is in the file, whole.
		FUZZ_CHECK(tables.pclntab_bytes <= ct_image_available(&image, tables.pclntab_address));
		FUZZ_CHECK(tables.module.text < tables.module.etext);
		find_type(&image, &tables, "*context.cancelCtx");
		find_type(&image, &tables, "context.backgroundCtx");
	}
	raw_image_done(&image);
	return 0;
}
