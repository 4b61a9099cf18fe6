// SPDX-License-Identifier: Apache-2.0
/* The program as others are: all of it is in a library that is loaded, and the executable only calls that. */
#include "threads.h"

int main(int argc, char **argv)
{
	return threads_main(argc, argv);
}
