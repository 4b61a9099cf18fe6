// SPDX-License-Identifier: Apache-2.0
/* Options, then the agent, then the exit status. */
#include "agent/agent.h"
#include "agent/output.h"
#include "cli.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * Whoever starts us may have closed standard input, output or error. The next file opened, a recording or a process's
 * memory, would get that number, and a report would be written into it. A number that cannot be written fails instead.
 */
static void fill_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(CT_STATUS_USAGE);
}

int main(int argc, char **argv)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_options options;

	fill_standard_files();
	if (ct_cli_parse(argc, argv, &options, &error)) {
		ct_complain(&error);
		return CT_STATUS_USAGE;
	}
	switch (options.command) {
	case CT_COMMAND_HELP:
		ct_cli_help();
		return 0;
	case CT_COMMAND_VERSION:
		ct_cli_version();
		return 0;
	case CT_COMMAND_WATCH:
		return ct_agent_watch(&options);
	case CT_COMMAND_RUN:
		return ct_agent_run(&options);
	case CT_COMMAND_REPLAY:
		return ct_agent_replay(&options);
	case CT_COMMAND_CENSUS:
		return ct_agent_census(&options);
	case CT_COMMAND_DIFF:
		return ct_agent_diff(&options);
	case CT_COMMAND_CHECK:
		return ct_agent_check(&options);
	}
	return CT_STATUS_USAGE;
}
