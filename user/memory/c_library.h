// SPDX-License-Identifier: Apache-2.0
/*
 * The live contexts of a C program that uses libctxtrace-context, read from outside: its lists, as the constant that the
 * library exports describes them (ctxtrace/context_census.h). Part of the census: census.h is what others include.
 *
 * The program runs on while it is read. The library's counters tell whether it made or ended a context meanwhile; if not,
 * what was found has to agree with them to the last one. A program that never stands still gets what could be followed,
 * and the reading says that some may be missing.
 */
#pragma once

#include "memory/census.h"
#include "memory/reader.h"

struct ct_c_library;

/** Bytes of the constant that are read. */
#define CT_C_LIBRARY_CONSTANT_BYTES 128

/**
 * Look at the constant.
 *
 * @param memory   The process; borrowed, must outlive the object.
 * @param address  Of the constant in the process.
 * @return 0; -EOPNOTSUPP when it is of no known version or makes no sense; -ENOMEM.
 */
int ct_c_library_new(struct ct_memory *memory, uint64_t address, struct ct_c_library **ret_library);

/** Free it. NULL is fine. */
void ct_c_library_free(struct ct_c_library *library);

/** Read once; as ct_census_scan(). The result's began_ns and read_bytes are the caller's. @return 0 or negative errno. */
int ct_c_library_scan(struct ct_c_library *library, ct_census_known breathe, void *opaque,
		      struct ct_census_result *result);

/** As ct_census_state_of(), of an address that the result does not list. */
enum ct_observed_state ct_c_library_state_of(struct ct_c_library *library, uint64_t address);
