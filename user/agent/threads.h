// SPDX-License-Identifier: Apache-2.0
/* Threads whose end was among lost events. */
#pragma once

struct ct_live;

/**
 * After events were lost, see which of the threads of a C program that are thought to run are there, and tell the stream
 * about the others: no finding may speak of a thread that is gone. @return 0 or -ENOMEM.
 */
int ct_threads_reap(struct ct_live *live);
