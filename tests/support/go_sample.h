// SPDX-License-Identifier: Apache-2.0
/*
 * A Go program's ELF file in miniature, made by hand: build info, pclntab, moduledata, types and itabs, without
 * section headers. It lets the readers be tested for every Go release without its toolchain, and it is the seed of
 * the fuzz targets. Every file offset is the address minus CT_SAMPLE_BASE.
 *
 *   context.go: context.WithCancel
 *   main.go:    main.outer, into which main.middle (called at line 10) and into that main.small (line 20) are inlined
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CT_SAMPLE_BASE	UINT64_C(0x400000)
#define CT_SAMPLE_TEXT	(CT_SAMPLE_BASE + 0x1000)
#define CT_SAMPLE_BYTES 0x4000

/* Where its parts begin, in every release. */
#define CT_SAMPLE_PCLNTAB (CT_SAMPLE_BASE + 0x1208) // aligned to 8 only, as 1.26 does
#define CT_SAMPLE_GOFUNC  (CT_SAMPLE_BASE + 0x2000)
#define CT_SAMPLE_DATA	  (CT_SAMPLE_BASE + 0x3000) // writable from here on: build info, moduledata

/* Addresses of functions and of the instructions that stand for lines. */
#define CT_SAMPLE_OUTER	     CT_SAMPLE_TEXT	     // main.go:10
#define CT_SAMPLE_MIDDLE     (CT_SAMPLE_TEXT + 0x10) // main.go:20, inlined
#define CT_SAMPLE_SMALL	     (CT_SAMPLE_TEXT + 0x20) // main.go:30, inlined into that
#define CT_SAMPLE_WITHCANCEL (CT_SAMPLE_TEXT + 0x40) // context.go:5
#define CT_SAMPLE_ETEXT	     (CT_SAMPLE_TEXT + 0x80)

/** The file, and where its parts ended up. */
struct ct_go_sample {
	unsigned int minor;
	uint8_t bytes[CT_SAMPLE_BYTES];
	size_t used;
	uint64_t build_info;
	uint64_t pclntab, pclntab_bytes;
	uint64_t gofunc; /**< Base of the inline trees; they follow it at once. */
	uint64_t types;	 /**< Base of names. */
	uint64_t etypes;
	uint64_t interface; /**< context.Context. */
	uint64_t type;	    /**< *context.cancelCtx. */
	uint64_t itab;
	uint64_t itablinks;
	uint64_t module;
};

/** Build the sample of Go 1.`minor`, 17 to 27. */
void ct_go_sample_build(struct ct_go_sample *sample, unsigned int minor);

/** Write bytes into a new file in memory. @return its descriptor, or -1. */
int ct_sample_file(const void *bytes, size_t count);
