// SPDX-License-Identifier: Apache-2.0
#include "raw_image.h"

#include <elf.h>
#include <unistd.h>

void raw_image_init(struct ct_image *image, uint64_t address, const void *data, size_t size)
{
	*image = (struct ct_image){
		.fd = fuzz_file(data, size),
		.file_bytes = size,
		.segments = { { .address = address, .memory_bytes = size, .file_bytes = size, .flags = PF_R | PF_W } },
		.segment_count = 1,
	};
}

void raw_image_done(struct ct_image *image)
{
	close(image->fd);
	ct_image_done(image);
}
