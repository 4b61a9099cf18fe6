// SPDX-License-Identifier: Apache-2.0
#ifndef CTXDEMO_OPTIONS_H
#define CTXDEMO_OPTIONS_H

#include "demo.h"

/**
 * Read the command line.
 *
 * @return -1 when there is something to run; else the status to leave with: 0 after --help and --list, 2 when wrong.
 */
int demo_options_parse(int argc, char **argv, struct demo_options *ret_options);

#endif
