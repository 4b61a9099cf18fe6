// SPDX-License-Identifier: Apache-2.0
/* The commands. Each returns the exit status of ctxtrace and has printed what a person must know. */
#pragma once

#include "cli.h"

/** Exit statuses other than 0 and the one for findings. */
#define CT_STATUS_USAGE 2
#define CT_STATUS_ATTACH 3
#define CT_STATUS_INCOMPLETE 4

/** `ctxtrace -p PID` */
int ct_agent_watch(const struct ct_options *options);

/** `ctxtrace run -- CMD ARG...` */
int ct_agent_run(const struct ct_options *options);

/** `ctxtrace replay FILE` */
int ct_agent_replay(const struct ct_options *options);

/** `ctxtrace census -p PID` */
int ct_agent_census(const struct ct_options *options);

/** `ctxtrace diff A B` */
int ct_agent_diff(const struct ct_options *options);

/** `ctxtrace check [-p PID]` */
int ct_agent_check(const struct ct_options *options);
