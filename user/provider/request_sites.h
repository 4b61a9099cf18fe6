// SPDX-License-Identifier: Apache-2.0
/* The functions by which servers are known to begin and to end a request. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * @param function  Innermost function outside the context library, as it is named in a report.
 * @param chosen    Functions the user names as makers of requests' contexts (--request-site).
 * @return CT_SITE_ bits.
 */
__u8 ct_request_site(const char *function, const char *const *chosen, size_t chosen_count);

/**
 * @return true for a closure of a function that makes a request's context: what it gives away as the cancel function, so
 *         who cancelled is the frame behind it.
 */
bool ct_request_site_wraps(const char *function);
