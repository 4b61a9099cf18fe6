// SPDX-License-Identifier: Apache-2.0
/*
 * A position-independent program of C in miniature, made by hand: two segments, a build id, relative relocations, both
 * symbol tables, section headers. For what the miniature Go program (go_sample.h) does not have.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CT_ELF_SAMPLE_BYTES 0x800

/* Addresses. Every file offset is the same number. */
#define CT_ELF_SAMPLE_FIRST  0x200 // first_function, 16 bytes, in both symbol tables
#define CT_ELF_SAMPLE_SECOND 0x210 // second_function, 32 bytes
#define CT_ELF_SAMPLE_DATA   0x400 // data_symbol: a word that is relocated to first_function

/** The build id it has. */
#define CT_ELF_SAMPLE_BUILD_ID "0123456789abcdef"

/** Write it. */
void ct_elf_sample_build(uint8_t bytes[CT_ELF_SAMPLE_BYTES]);
