// SPDX-License-Identifier: Apache-2.0
// A static C program that knows nothing of contexts: not a target of ctxtrace.
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	pause();
	return 0;
}
