// SPDX-License-Identifier: Apache-2.0
/* Bytes as gzip packs them, without a time or a name: the same bytes give the same file. */
#pragma once

#include "base/text.h"

/** Append the bytes packed. @return 0 or -ENOMEM. */
int ct_gzip(struct ct_text *text, const void *bytes, size_t length);
