// SPDX-License-Identifier: Apache-2.0
/*
 * The recording format: a gzip stream (RFC 1952, whose checksum tells a flipped bit) of
 *
 *   8 bytes  "CTXTRACE"
 *   4 bytes  CT_EVENT_ABI, little endian
 *   4 bytes  zero
 *   records  4 bytes length, then one event as in ctxtrace/event.h
 *   4 bytes  zero: the end, so that a cut file is told from a short one
 */
#pragma once

#include <linux/types.h>

#define CT_RECORDING_MAGIC "CTXTRACE"

/** Head of a recording. */
struct ct_recording_head {
	char magic[8];
	__u32 abi;
	__u32 flags;
};
_Static_assert(sizeof(struct ct_recording_head) == 16, "head of a recording");
