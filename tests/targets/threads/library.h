// SPDX-License-Identifier: Apache-2.0
/*
 * A library as many are: it knows no contexts, and starts threads of its own when somebody calls it who needs them, with a
 * start routine that is its own. Whoever calls it first may be in the middle of a request.
 */
#pragma once

/** Run `job(opaque)` on a thread of the library, which never ends. The first four calls start one each. */
__attribute__((visibility("default"))) void library_run(void (*job)(void *opaque), void *opaque);
