// SPDX-License-Identifier: Apache-2.0
/*
 * Errors a person must act on.
 *
 * Functions return 0 or a count on success and a negative errno on failure. Where the number alone would leave the
 * reader helpless (attach, parse a file, open a recording) the last parameter is a `struct ct_error *`, which tells
 * what was tried, on what, why it failed and what to do next. Rooms fill it in; only `main` and `agent` print it.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

/** Room for one message; longer text is cut, never overrun. */
#define CT_ERROR_TEXT_BYTES 480

/** One failure, told for a person. Owned by the caller; zero-initialise it or use CT_ERROR_INIT. */
struct ct_error {
	int code;			    /**< Negative errno, as returned. */
	uint64_t offset;		    /**< Byte offset in the input that was being read, or 0. */
	char message[CT_ERROR_TEXT_BYTES];  /**< What was tried, on what, and why it failed. One line. */
	char hint[CT_ERROR_TEXT_BYTES];	    /**< What to do next, or empty. One line. */
};

#define CT_ERROR_INIT ((struct ct_error){ .code = 0 })

/**
 * Fill in an error and hand its code back, so that failing is one statement: `return ct_error_set(...)`.
 *
 * @param reterr  Where to put it; may be NULL, then only the code is returned.
 * @param code    Negative errno.
 * @param format  printf format of the message. Control characters in the result are replaced.
 * @return `code`.
 */
int ct_error_set(struct ct_error *reterr, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Add what to do next to an error that is already set. @param reterr may be NULL. */
void ct_error_hint(struct ct_error *reterr, const char *format, ...) __attribute__((format(printf, 2, 3)));
