// SPDX-License-Identifier: Apache-2.0
/* Values of options: durations, numbers, process ids, formats, kinds of findings. Each fails with one clear line. */
#pragma once

#include "cli.h"

/** "30s", "1.5m", "250ms", "1h5m30s", or bare seconds. @return 0 or -EINVAL. */
int ct_cli_duration(const char *option, const char *value, uint64_t *ret_ns, struct ct_error *reterr);

/** A whole number within bounds. @return 0 or -EINVAL. */
int ct_cli_number(const char *option, const char *value, uint32_t least, uint32_t most, uint32_t *ret,
		  struct ct_error *reterr);

/** A process id. @return 0 or -EINVAL. */
int ct_cli_pid(const char *value, pid_t *ret_pid, struct ct_error *reterr);

/** "FORMAT" or "FORMAT=FILE"; `value` is cut at the '='. @return 0 or -EINVAL. */
int ct_cli_format(const char *value, struct ct_output_request *ret_request, struct ct_error *reterr);

/** A name, which may be any but none; `of` says of what. @return 0 or -EINVAL. */
int ct_cli_name(const char *option, const char *of, const char *value, const char **ret_name, struct ct_error *reterr);

/** A directory that is there, or the name of one elsewhere, made absolute. @return 0 or -EINVAL. */
int ct_cli_directory(const char *option, const char *value, char ret_path[PATH_MAX], struct ct_error *reterr);

/** "lost-cancel,leaked-timer", "leak", "any", "none". @return 0 or -EINVAL. */
int ct_cli_fail_on(const char *value, uint32_t *ret_bits, struct ct_error *reterr);
