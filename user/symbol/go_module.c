// SPDX-License-Identifier: Apache-2.0
#include "symbol/go_module.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

/* Words of moduledata that stand where they stood in 1.17, in every release up to 1.27. */
enum {
	WORD_HEADER = 0,
	WORD_NAMES = 1,
	WORD_PCLNTABLE = 13, // functab and records: pointer, length
	WORD_PCLNTABLE_LENGTH = 14,
	WORD_FTAB = 16,
	WORD_TEXT = 22,
	WORD_ETEXT = 23,
	WORD_NOPTRDATA = 24,
	WORD_ENOPTRDATA = 25,
	WORD_DATA = 26,
	WORD_EDATA = 27,
	WORD_BSS = 28,
	WORD_EBSS = 29,
	WORD_NOPTRBSS = 30,
	WORD_ENOPTRBSS = 31,
	WORDS = 50,
};

/* Words that moved. 0: not in this release. */
struct layout {
	unsigned int minor; /**< From this release on. */
	unsigned int types, etypes, gofunc, itablinks, itaboffset;
};

static const struct layout layouts[] = {
	{27, 37, 39, 43, 0, 40}, // typedesclen, itaboffset, itabsize came; typelinks and itablinks went
	{26, 37, 38, 40, 48, 0}, // epclntab came behind gofunc
	{20, 37, 38, 40, 47, 0}, // covctrs, ecovctrs came
	{18, 35, 36, 38, 45, 0}, // rodata, gofunc came
	{17, 35, 36, 0, 43, 0},
};

#define NEWEST_MINOR 27

// Headers that look like one of a pclntab, each of which costs a search for its moduledata; real programs have one.
#define HEADERS_MAX 64

static const struct layout *layout_of(unsigned int minor)
{
	if (minor > NEWEST_MINOR)
		return NULL; // unknown: see believe_one()
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (minor >= layouts[i].minor)
			return &layouts[i];
	return NULL;
}

/* The search for the pair (pclntab, moduledata). */
struct finder {
	const struct ct_image *image;
	unsigned int minor;
	uint64_t address; /**< Of the pclntab header. */
	struct ct_pclntab_header header;
	unsigned int headers; /**< Tried so far. */
	struct ct_go_tables *ret_tables;
};

static void fill_known(struct ct_go_tables *tables, const uint64_t *word)
{
	tables->module.text = word[WORD_TEXT];
	tables->module.etext = word[WORD_ETEXT];
	tables->module.noptrdata = word[WORD_NOPTRDATA];
	tables->module.enoptrdata = word[WORD_ENOPTRDATA];
	tables->module.data = word[WORD_DATA];
	tables->module.edata = word[WORD_EDATA];
	tables->module.bss = word[WORD_BSS];
	tables->module.ebss = word[WORD_EBSS];
	tables->module.noptrbss = word[WORD_NOPTRBSS];
	tables->module.enoptrbss = word[WORD_ENOPTRBSS];
}

static void fill_moved(struct ct_go_tables *tables, const uint64_t *word, const struct layout *layout)
{
	struct ct_go_module *module = &tables->module;

	tables->is_layout_known = true;
	module->types = word[layout->types];
	module->etypes = word[layout->etypes];
	module->gofunc = layout->gofunc ? word[layout->gofunc] : 0;
	if (layout->itablinks) {
		module->itablinks = word[layout->itablinks];
		module->itablinks_count = word[layout->itablinks + 1];
	}
	if (layout->itaboffset) {
		tables->itabs = module->types + word[layout->itaboffset];
		tables->itabs_bytes = word[layout->itaboffset + 1];
	}
}

static bool is_in_file(const struct ct_image *image, uint64_t address, uint64_t bytes)
{
	return ct_image_available(image, address) >= bytes;
}

/* Do the words that a layout takes for types and itabs name such places in the file? */
static bool is_believable(const struct ct_image *image, const struct ct_go_tables *tables)
{
	const struct ct_go_module *module = &tables->module;

	if (module->types >= module->etypes || !is_in_file(image, module->types, module->etypes - module->types) ||
	    !is_in_file(image, module->gofunc, 1))
		return false;
	if (tables->itabs_bytes)
		return tables->itabs > module->types && is_in_file(image, tables->itabs, tables->itabs_bytes);
	return module->itablinks_count && is_in_file(image, module->itablinks, 8);
}

/*
 * A release newer than the table: the newest layout whose words make sense. Whoever uses what they point at compares
 * names, so that a wrong one finds nothing.
 */
static void believe_one(const struct ct_image *image, struct ct_go_tables *tables, const uint64_t *word)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		struct ct_go_tables tried = *tables;

		fill_moved(&tried, word, &layouts[i]);
		if (layouts[i].gofunc && is_believable(image, &tried)) {
			*tables = tried;
			return;
		}
	}
}

static bool is_plausible(const struct finder *finder, const uint64_t *word)
{
	uint64_t functions = finder->address + finder->header.functions;

	return word[WORD_HEADER] == finder->address && word[WORD_NAMES] == finder->address + finder->header.names &&
	       word[WORD_PCLNTABLE] == functions && word[WORD_FTAB] == functions && word[WORD_TEXT] < word[WORD_ETEXT];
}

// Visitor: is `address` moduledata of the header in hand? Both its text and its tables must lie in the file.
static int try_module(void *opaque, uint64_t address)
{
	struct finder *finder = opaque;
	const struct layout *layout = layout_of(finder->minor);
	struct ct_go_tables tables = {.pclntab_address = finder->address};
	uint64_t word[WORDS], available = ct_image_available(finder->image, finder->address);

	if (ct_image_read(finder->image, address, word, sizeof(word)) < 0 || !is_plausible(finder, word))
		return 0;
	if (word[WORD_PCLNTABLE_LENGTH] > available ||
	    finder->header.functions > available - word[WORD_PCLNTABLE_LENGTH])
		return 0;
	tables.pclntab_bytes = finder->header.functions + word[WORD_PCLNTABLE_LENGTH];
	tables.module.address = address;
	fill_known(&tables, word);
	if (layout)
		fill_moved(&tables, word, layout);
	else if (finder->minor > NEWEST_MINOR)
		believe_one(finder->image, &tables, word);
	*finder->ret_tables = tables;
	return 1;
}

static int find_module_relocated(struct finder *finder)
{
	const struct ct_image *image = finder->image;

	for (size_t i = 0; i + 1 < image->relocation_count; i++) {
		if (image->relocations[i].value != finder->address ||
		    image->relocations[i + 1].value != finder->address + finder->header.names)
			continue;
		if (try_module(finder, image->relocations[i].where))
			return 1;
	}
	return 0;
}

// Visitor: is there a pclntab header at `address`, and a moduledata that points at it?
static int try_header(void *opaque, uint64_t address)
{
	struct finder *finder = opaque;
	unsigned char bytes[CT_PCLNTAB_HEADER_BYTES];
	uint64_t pair[2];
	const struct ct_image_query query = {PF_W, PF_W, pair, sizeof(pair), 8};
	int r;

	if (ct_image_read(finder->image, address, bytes, sizeof(bytes)) < 0 ||
	    ct_pclntab_parse_header(bytes, sizeof(bytes), &finder->header) < 0)
		return 0;
	if (++finder->headers > HEADERS_MAX)
		return -E2BIG;
	finder->address = address;
	pair[0] = address;
	pair[1] = address + finder->header.names;
	r = find_module_relocated(finder);
	return r ? r : ct_image_search(finder->image, &query, try_module, finder);
}

static int find_header(struct finder *finder)
{
	static const char *const magics[] = {"\xf1\xff\xff\xff\0\0", "\xf0\xff\xff\xff\0\0", "\xfa\xff\xff\xff\0\0"};

	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		const struct ct_image_query query = {PF_R, PF_R, magics[i], 6, 8};
		int r = ct_image_search(finder->image, &query, try_header, finder);

		if (r)
			return r;
	}
	return 0;
}

int ct_go_tables_find(const struct ct_image *image, unsigned int minor, struct ct_go_tables *ret_tables)
{
	const struct ct_section *section = ct_image_section(image, ".gopclntab");
	struct finder finder = {.image = image, .minor = minor, .ret_tables = ret_tables};
	int r = 0;

	if (!section)
		section = ct_image_section(image, ".data.rel.ro.gopclntab"); // PIE up to 1.25
	if (section)
		r = try_header(&finder, section->address);
	if (!r)
		r = find_header(&finder);
	if (r < 0)
		return r;
	return r ? 0 : -ENOENT;
}
