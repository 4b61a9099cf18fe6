// SPDX-License-Identifier: Apache-2.0
/* Placeholder until the agent lands: prints its version. */
#include <stdio.h>

int main(void)
{
	puts("ctxtrace " CTXTRACE_VERSION);
	return 0;
}
