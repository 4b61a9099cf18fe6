// SPDX-License-Identifier: Apache-2.0
#include "provider/go_standard.h"

#include <string.h>

void ct_go_find_root(struct ct_binary *binary, char *ret_root, size_t room)
{
	static const char tail[] = "runtime/proc.go"; // the file of runtime.main
	struct ct_location where[CT_LOCATIONS_MAX];
	struct ct_function function;
	size_t length;

	ret_root[0] = '\0';
	if (ct_binary_find(binary, "runtime.main", &function, 1) < 1 ||
	    ct_binary_locate(binary, function.start, where, CT_LOCATIONS_MAX) < 1)
		return;
	length = strlen(where[0].file);
	if (where[0].file[0] != '/' || length < sizeof(tail) - 1)
		return;
	length -= sizeof(tail) - 1;
	if (length >= room || strcmp(where[0].file + length, tail))
		return;
	memcpy(ret_root, where[0].file, length);
	ret_root[length] = '\0';
}

/*
 * First elements of the import paths of Go 1.27's standard library (`go list std`), sorted. A module may be named
 * without a dot too ("targets/server"), so the lack of one proves nothing.
 */
static const char *const elements[] = {
	"archive",  "arena",   "bufio",	  "bytes",    "cmp",	  "compress", "container", "context", "crypto",
	"database", "debug",   "embed",	  "encoding", "errors",	  "expvar",   "flag",	   "fmt",     "go",
	"hash",	    "html",    "image",	  "index",    "internal", "io",	      "iter",	   "log",     "maps",
	"math",	    "mime",    "net",	  "os",	      "path",	  "plugin",   "reflect",   "regexp",  "runtime",
	"slices",   "sort",    "strconv", "strings",  "structs",  "sync",     "syscall",   "testing", "text",
	"time",	    "unicode", "unique",  "unsafe",   "uuid",	  "vendor",   "weak",
};

bool ct_go_is_standard(const char *root, const char *function, const char *file)
{
	size_t length = strcspn(function, "/.");

	if (root[0] && file[0] == '/')
		return !strncmp(file, root, strlen(root));
	if (file[0] == '/') // in a trimmed program only the standard library's paths are short
		return false;
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (strlen(elements[i]) == length && !strncmp(elements[i], function, length))
			return true;
	return false;
}
