// SPDX-License-Identifier: Apache-2.0
/*
 * The Go side of the symbol room on real programs: a small one is built in several modes and prints its own truth
 * (runtime.CallersFrames, runtime.FuncForPC, type words); the reader must agree, stripped or not.
 *
 * CTXTRACE_TEST_GO lists toolchains to try ("go1.21.13 go1.27.3", fetched by the go command); default: the local one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "symbol/binary.h"

#define TOOLCHAIN_BYTES 32

static const char program[] =
	"package main\n"
	"\n"
	"import (\n"
	"	\"context\"\n"
	"	\"errors\"\n"
	"	\"fmt\"\n"
	"	\"reflect\"\n"
	"	\"runtime\"\n"
	"	\"time\"\n"
	"	\"unsafe\"\n"
	")\n"
	"\n"
	"func small(pcs []uintptr) int { return runtime.Callers(0, pcs) }\n"
	"\n"
	"func middle(pcs []uintptr) int { return small(pcs) + 0 }\n"
	"\n"
	"//go:noinline\n"
	"func outer(pcs []uintptr) int { return middle(pcs) }\n"
	"\n"
	"//go:noinline\n"
	"func makesDeadline() (context.Context, context.CancelFunc) {\n"
	"	return context.WithDeadline(context.Background(), time.Now().Add(time.Hour))\n"
	"}\n"
	"\n"
	"func entry(f interface{}) {\n"
	"	pc := reflect.ValueOf(f).Pointer()\n"
	"	fmt.Printf(\"func %s %#x\\n\", runtime.FuncForPC(pc).Name(), pc)\n"
	"}\n"
	"\n"
	"func typeWord(v interface{}) {\n"
	"	fmt.Printf(\"type %T %#x\\n\", v, *(*uintptr)(unsafe.Pointer(&v)))\n"
	"}\n"
	"\n"
	"type errorString struct{ s string }\n"
	"\n"
	"func (e *errorString) Error() string { return e.s }\n"
	"\n"
	"func errorWord(err error) {\n"
	"	var v interface{} = err\n"
	"	fmt.Printf(\"error %T %#x\\n\", v, *(*uintptr)(unsafe.Pointer(&v)))\n"
	"}\n"
	"\n"
	"func main() {\n"
	"	timer, cancel := makesDeadline()\n"
	"	defer cancel()\n"
	"	plain, cancel := context.WithCancel(timer)\n"
	"	defer cancel()\n"
	"	fmt.Printf(\"version %s\\n\", runtime.Version())\n"
	"	entry(outer)\n"
	"	entry(context.WithCancel)\n"
	"	entry(context.WithTimeout)\n"
	"	entry(context.WithValue)\n"
	"	typeWord(timer)\n"
	"	typeWord(plain)\n"
	"	typeWord(context.WithValue(plain, 1, 2))\n"
	"	typeWord(context.Background())\n"
	"	errorWord(errors.New(\"new\"))\n"
	"	errorWord(fmt.Errorf(\"%w\", context.Canceled))\n"
	"	errorWord(&errorString{\"ours\"})\n"
	"	pcs := make([]uintptr, 16)\n"
	"	for _, pc := range pcs[:outer(pcs)] {\n"
	"		frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()\n"
	"		fmt.Printf(\"frame %#x %d %s %s\\n\", pc, frame.Line, frame.Function, frame.File)\n"
	"	}\n"
	"}\n";

/* One way to build it. */
struct mode {
	const char *name;
	const char *arguments;
	bool is_stripped, is_relocatable;
};

static const struct mode modes[] = {
	{"plain", "", false, false},
	{"stripped", "-trimpath '-ldflags=-s -w'", true, false},
	{"pie", "-buildmode=pie", false, true},
	{"pie-stripped", "-buildmode=pie '-ldflags=-s -w'", true, true},
};

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...)
{
	ct_cleanup(ct_text_done) struct ct_text command = {.data = NULL};
	va_list args;

	va_start(args, format);
	ct_text_vaddf(&command, format, args);
	va_end(args);
	assert_false(command.failed);
	return system(command.data);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	ct_cleanup(ct_text_done) struct ct_text path = {.data = NULL};
	_ct_fclose_ FILE *file = NULL;

	ct_text_addf(&path, "%s/%s", folder, name);
	file = fopen(path.data, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

/* One built program under test. */
struct built {
	const struct mode *mode;
	const char *folder;
	struct ct_binary *binary;
	int fd;
	uint64_t bias; /**< Runtime address minus address as linked. */
	int functions, types, errors, frames;
};

static void check_function(struct built *built, const char *name, uint64_t runtime)
{
	struct ct_function function, at;

	assert_int_equal(ct_binary_find(built->binary, name, &function, 1), 1);
	if (strcmp(name, "main.outer") == 0) {
		built->bias = runtime - function.start; // the first that is printed
		assert_int_equal(built->bias % 4096, 0);
		if (!built->mode->is_relocatable)
			assert_int_equal(built->bias, 0);
	}
	assert_int_equal(function.start + built->bias, runtime);
	assert_int_equal(ct_binary_function_at(built->binary, function.end - 1, &at), 0);
	assert_string_equal(at.name, name);
	built->functions++;
}

static void check_type(struct built *built, const char *name, uint64_t runtime)
{
	uint64_t type;

	if (name[0] == '*')
		name++;
	if (strcmp(name, "context.emptyCtx") == 0)
		return; // up to 1.20: Background needs no itab of its own
	assert_int_equal(ct_binary_go_type(built->binary, name, "context.Context", &type), 0);
	assert_int_equal(type + built->bias, runtime);
	built->types++;
}

/* Name and address of an error's type. One of our own that is called alike is another one. */
static void check_error(struct built *built, const char *name, uint64_t runtime)
{
	char told[64], cut[6];
	uint64_t type;

	assert_int_equal(ct_binary_go_type_name(built->binary, runtime - built->bias, told, sizeof(told)), 0);
	assert_string_equal(told, name);
	assert_int_equal(ct_binary_go_type_name(built->binary, runtime - built->bias, cut, sizeof(cut)), 0);
	assert_memory_equal(cut, name, sizeof(cut) - 1);
	assert_int_equal(ct_binary_go_type(built->binary, name + 1, "error", &type), 0);
	assert_int_equal(type + built->bias, runtime);
	assert_int_equal(ct_binary_go_type_name(built->binary, 0, told, sizeof(told)), -ENOENT);
	built->errors++;
}

// Each logical frame comes with its own pc, so the innermost location is the frame.
static void check_frame(struct built *built, uint64_t pc, uint32_t line, const char *function, const char *file)
{
	struct ct_location at[CT_LOCATIONS_MAX];
	int count = ct_binary_locate(built->binary, pc - built->bias - 1, at, CT_LOCATIONS_MAX);

	assert_true(count > 0);
	assert_string_equal(at[0].function, function);
	assert_string_equal(at[0].file, file);
	assert_int_equal(at[0].line, line);
	assert_false(at[count - 1].is_inlined);
	if (strcmp(function, "main.small") == 0) {
		assert_int_equal(count, 3);
		assert_string_equal(at[1].function, "main.middle");
		assert_string_equal(at[2].function, "main.outer");
		assert_true(at[0].is_inlined && at[1].is_inlined);
	}
	built->frames++;
}

static void check_line(struct built *built, const char *line)
{
	struct ct_go_version version;
	char name[200], file[400];
	unsigned long address;
	unsigned int number;

	if (sscanf(line, "version %199s", name) == 1) {
		assert_int_equal(ct_binary_go_version(built->binary, &version), 0);
		assert_int_equal(strncmp(version.text, name, strlen(name)), 0);
	} else if (sscanf(line, "func %199s %lx", name, &address) == 2) {
		check_function(built, name, address);
	} else if (sscanf(line, "type %199s %lx", name, &address) == 2) {
		check_type(built, name, address);
	} else if (sscanf(line, "error %199s %lx", name, &address) == 2) {
		check_error(built, name, address);
	} else if (sscanf(line, "frame %lx %u %199s %399s", &address, &number, name, file) == 4) {
		check_frame(built, address, number, name, file);
	} else {
		fail_msg("unexpected: %s", line);
	}
}

static void check_output(struct built *built)
{
	ct_cleanup(ct_text_done) struct ct_text command = {.data = NULL};
	char line[1024];
	FILE *output;

	ct_text_addf(&command, "%s/%s", built->folder, built->mode->name);
	output = popen(command.data, "re");
	assert_non_null(output);
	while (fgets(line, sizeof(line), output))
		check_line(built, line);
	assert_int_equal(pclose(output), 0);
	assert_int_equal(built->functions, 4);
	assert_true(built->types >= 3);
	assert_int_equal(built->errors, 3);
	assert_true(built->frames >= 6);
}

static int count_into(void *opaque, const struct ct_function *into)
{
	struct ct_text *text = opaque;

	ct_text_addf(text, "%s\n", into->name);
	return 0;
}

static void check_inlined(struct built *built)
{
	ct_cleanup(ct_text_done) struct ct_text into = {.data = NULL};
	struct ct_go_version version;

	assert_int_equal(ct_binary_go_each_inlined(built->binary, "main.middle", count_into, &into), 0);
	assert_string_equal(into.data, "main.outer\n");
	assert_int_equal(ct_binary_go_is_inlined_outside(built->binary, "main.small", "context."), 1);
	assert_int_equal(ct_binary_go_is_inlined_outside(built->binary, "context.WithCancel", "context."), 0);
	assert_int_equal(ct_binary_go_version(built->binary, &version), 0);
	if (version.minor >= 21) // thin since then, so it is inlined into its callers
		assert_int_equal(ct_binary_go_is_inlined_outside(built->binary, "context.WithDeadline", "context."), 1);
}

// With a symbol table the linker's own symbols are the truth about moduledata.
static void check_module(struct built *built)
{
	struct ct_go_module module;
	const struct {
		const char *symbol;
		const uint64_t *value;
	} facts[] = {
		{"runtime.firstmoduledata", &module.address},
		{"runtime.noptrdata", &module.noptrdata},
		{"runtime.data", &module.data},
		{"runtime.edata", &module.edata},
		{"runtime.bss", &module.bss},
		{"runtime.ebss", &module.ebss},
		{"runtime.noptrbss", &module.noptrbss},
		{"runtime.enoptrbss", &module.enoptrbss},
		{"runtime.types", &module.types},
		{"runtime.etypes", &module.etypes},
	};
	int known = 0;

	assert_int_equal(ct_binary_go_module(built->binary, &module), 0);
	assert_true(module.text < module.etext && module.types < module.etypes && module.gofunc);
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts) && !built->mode->is_stripped; i++) {
		uint64_t address, bytes;

		if (ct_binary_data_symbol(built->binary, facts[i].symbol, &address, &bytes) < 0)
			continue;
		assert_int_equal(address, *facts[i].value);
		known++;
	}
	if (!built->mode->is_stripped)
		assert_true(known >= 5);
}

static void check_binary(struct built *built)
{
	struct ct_function function, runs[4];

	assert_int_equal(ct_binary_is_stripped(built->binary), built->mode->is_stripped);
	assert_int_equal(ct_binary_is_relocatable(built->binary), built->mode->is_relocatable);
	check_output(built);
	check_inlined(built);
	check_module(built);
	assert_true(ct_binary_go_package_runs(built->binary, "context.", runs, 4) > 0);
	assert_int_equal(ct_binary_find(built->binary, "context.WithValue", &function, 1), 1);
	assert_true(function.start >= runs[0].start && function.end <= runs[0].end); // the longest
}

static void forget_sections(const char *path)
{
	_ct_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	const uint64_t offset = 0;
	const uint16_t none[2] = {0, 0};

	assert_int_equal(pwrite(fd, &offset, sizeof(offset), offsetof(Elf64_Ehdr, e_shoff)), sizeof(offset));
	assert_int_equal(pwrite(fd, none, sizeof(none), offsetof(Elf64_Ehdr, e_shnum)), sizeof(none));
}

static void check_mode(const char *folder, const struct mode *mode, const char *toolchain)
{
	struct built built = {.mode = mode, .folder = folder};
	ct_cleanup(ct_text_done) struct ct_text path = {.data = NULL};

	print_message("%s %s\n", toolchain, mode->name);
	assert_int_equal(run("cd %s && CGO_ENABLED=0 GOFLAGS=-p=2 GOTOOLCHAIN=%s go build %s -o %s .", folder,
			     toolchain, mode->arguments, mode->name),
			 0);
	ct_text_addf(&path, "%s/%s", folder, mode->name);
	for (int round = 0; round < (mode->is_stripped ? 2 : 1); round++) {
		if (round) // a stripped program may have lost its section headers too
			forget_sections(path.data);
		built.fd = open(path.data, O_RDONLY | O_CLOEXEC);
		assert_true(built.fd >= 0);
		built.functions = built.types = built.errors = built.frames = 0;
		assert_int_equal(ct_binary_open(built.fd, mode->name, &built.binary, NULL), 0);
		check_binary(&built);
		ct_binary_free(built.binary);
		close(built.fd);
	}
}

static void check_toolchain(const char *toolchain)
{
	char folder[] = "/tmp/ctxtrace-symbol-XXXXXX";

	assert_non_null(mkdtemp(folder));
	write_file(folder, "go.mod", "module example.com/symbol\n\ngo 1.17\n");
	write_file(folder, "main.go", program);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		check_mode(folder, &modes[i], toolchain);
	run("rm -r %s", folder);
}

static void test_toolchains(void **state)
{
	const char *list = getenv("CTXTRACE_TEST_GO");
	char toolchain[TOOLCHAIN_BYTES];
	int used;

	(void)state;
	for (list = list ? list : "local"; sscanf(list, "%31s%n", toolchain, &used) == 1; list += used)
		check_toolchain(toolchain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_toolchains)};

	if (system("go version >/dev/null 2>&1") != 0) {
		fprintf(stderr, "SKIP: no go command in PATH\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
