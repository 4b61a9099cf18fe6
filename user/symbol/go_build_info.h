// SPDX-License-Identifier: Apache-2.0
/*
 * Go's build info: which Go release made this program.
 *
 * Format: debug/buildinfo of Go's source tree. A 32-byte header at an address that is a multiple of 16: magic
 * "\xff Go buildinf:", pointer size, flags. Flag 2 (Go 1.18+): the version follows as a varint length and text.
 * Otherwise (1.17): at 16 a pointer to a string header.
 */
#pragma once

#include "symbol/image.h"

struct ct_go_version;

/** As ct_binary_go_version(). */
int ct_go_build_info_read(const struct ct_image *image, struct ct_go_version *ret_version);

/** Take "go1.26.8", "devel go1.27-abcdef ...", "go1.25rc1" apart. @return 0 or -EPROTO. */
int ct_go_version_parse(const char *text, struct ct_go_version *ret_version);
