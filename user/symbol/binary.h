// SPDX-License-Identifier: Apache-2.0
/*
 * One ELF file of the target, read with pread through an open descriptor (never mapped: a probe would patch the
 * mapping, and the file may change under us). Hostile input: every offset and count is checked before use.
 *
 * For Go it knows version, functions (symbol table or pclntab), inline trees and the addresses a provider and the
 * memory reader need. For C it knows symbols and, through libdw, lines.
 */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One binary. Addresses in this interface are as linked (no load bias) unless they are called runtime addresses. */
struct ct_binary;

/** Go release, from build info. `minor` 26 for go1.26.8. All zero: not Go. */
struct ct_go_version {
	unsigned int minor;
	unsigned int patch;
	char text[64]; /**< "go1.26.8"; experiments and vendors' suffixes kept. */
};

/** A function. Strings are borrowed from the binary. */
struct ct_function {
	const char *name;
	uint64_t start;
	uint64_t end; /**< One past its last byte; 0 unknown. */
};

/** One symbolized frame. Strings borrowed until the next lookup. */
struct ct_location {
	const char *function;
	const char *file; /**< "" unknown. */
	uint32_t line;	  /**< 0 unknown. */
	bool is_inlined;  /**< Inlined into the location that follows it. */
};

/** Most locations one address expands to. */
#define CT_LOCATIONS_MAX 16

/**
 * Open a binary.
 *
 * @param fd          Open for reading; borrowed, must outlive the binary.
 * @param name        For messages.
 * @param ret_binary  To be freed with ct_binary_free().
 * @param reterr      Why it cannot be used.
 * @return 0; -ENOEXEC when it is no ELF file of this machine; negative errno otherwise.
 */
int ct_binary_open(int fd, const char *name, struct ct_binary **ret_binary, struct ct_error *reterr);

/** Free a binary. NULL is fine. */
void ct_binary_free(struct ct_binary *binary);

/** @return GNU build id as hex text, or "" (borrowed). For Go without a GNU one: "". */
const char *ct_binary_build_id(const struct ct_binary *binary);

/** @return true when there is no symbol table (.symtab). */
bool ct_binary_is_stripped(const struct ct_binary *binary);

/** @return true for a position-independent executable or a shared object. */
bool ct_binary_is_relocatable(const struct ct_binary *binary);

/** @return true when it is dynamically linked (has PT_INTERP or PT_DYNAMIC). */
bool ct_binary_is_dynamic(const struct ct_binary *binary);

/** Go's version. @return 0; -ENOENT when this is no Go program; -EPROTO when build info is malformed. */
int ct_binary_go_version(struct ct_binary *binary, struct ct_go_version *ret_version);

/**
 * All functions of exactly this name: a name may stand at several addresses.
 *
 * @return how many there are (at most `room` are stored), or negative errno.
 */
int ct_binary_find(struct ct_binary *binary, const char *name, struct ct_function *ret, size_t room);

/** Called per function. @return 0 to go on, anything else ends the walk with that value. */
typedef int (*ct_function_visitor)(void *opaque, const struct ct_function *function);

/** Does it take a symbol of this name from another file? @return 1, 0, or -ENOMEM; 0 as well where that cannot be read. */
int ct_binary_imports(struct ct_binary *binary, const char *name);

/** Visit every function (Go: from pclntab; C: from the symbol tables). @return 0, the visitor's value, or negative
 * errno. */
int ct_binary_each_function(struct ct_binary *binary, ct_function_visitor visit, void *opaque);

/** The function that contains `address`. @return 0 or -ENOENT. */
int ct_binary_function_at(struct ct_binary *binary, uint64_t address, struct ct_function *ret);

/**
 * Names and lines of an address, inlined frames expanded, innermost first. Give a return address minus one.
 *
 * @return number of locations (0 unknown), or negative errno.
 */
int ct_binary_locate(struct ct_binary *binary, uint64_t address, struct ct_location *ret, size_t room);

/**
 * Where a Go package's functions stand next to each other, the longest first, at most `room`. Closures of it that were
 * inlined into another package's code stand there, and what lies between is not of this package.
 * @return how many, or negative errno.
 */
int ct_binary_go_package_runs(struct ct_binary *binary, const char *prefix, struct ct_function *ret, size_t room);

/**
 * Is a function of this exact name inlined into any function whose name does not begin with `package_prefix`?
 * Read from the inline trees. @return 1, 0, or negative errno.
 */
int ct_binary_go_is_inlined_outside(struct ct_binary *binary, const char *name, const char *package_prefix);

/** Called per inlined call. @return 0 to go on. */
typedef int (*ct_inline_visitor)(void *opaque, const struct ct_function *into);

/** Visit every function into which `name` was inlined, once each. @return 0, the visitor's value, or negative errno. */
int ct_binary_go_each_inlined(struct ct_binary *binary, const char *name, ct_inline_visitor visit, void *opaque);

/** Address of a data symbol from the symbol table. @return 0 or -ENOENT (stripped, or no such symbol). */
int ct_binary_data_symbol(struct ct_binary *binary, const char *name, uint64_t *ret_address, uint64_t *ret_bytes);

/** The data symbol that contains `address`: a variable's name. @return 0 or -ENOENT (stripped, or nothing there). */
int ct_binary_data_symbol_at(struct ct_binary *binary, uint64_t address, struct ct_function *ret);

/** Facts from Go's moduledata; all addresses as linked. */
struct ct_go_module {
	uint64_t address; /**< Of moduledata itself. */
	uint64_t text, etext;
	uint64_t data, edata, bss, ebss, noptrdata, enoptrdata, noptrbss, enoptrbss;
	uint64_t types, etypes; /**< Base of nameOff. */
	uint64_t gofunc;
	uint64_t itablinks, itablinks_count; /**< Go <= 1.26; zero in 1.27. */
};

/** Moduledata of a Go program, found without a symbol table. @return 0 or -ENOENT / -EPROTO. */
int ct_binary_go_module(struct ct_binary *binary, struct ct_go_module *ret_module);

/**
 * Address of the type descriptor of a concrete type ("context.cancelCtx" for *context.cancelCtx), from itabs of the
 * file for the interface `interface` ("context.Context"): by symbol, or through itablinks. Several itabs give one type.
 * @return 0 or -ENOENT (then it must be learned from memory).
 */
int ct_binary_go_type(struct ct_binary *binary, const char *type, const char *interface, uint64_t *ret_address);

/**
 * Name of the type whose descriptor is at `address`, as the source would write it: "*main.quotaError". Cut to `room`.
 * @return 0 or -ENOENT (no descriptor of the file's, or made at run time).
 */
int ct_binary_go_type_name(struct ct_binary *binary, uint64_t address, char *buffer, size_t room);

/** Bytes of a Go program that never change: none of its variables. @return 0 or -ENOENT. */
int ct_binary_go_constant(struct ct_binary *binary, uint64_t address, void *buffer, size_t bytes);

/** Bytes of the file's image at an address as linked (relocations of PIE applied). @return 0 or -EFAULT. */
int ct_binary_read(struct ct_binary *binary, uint64_t address, void *buffer, size_t bytes);

/** Address to file offset, through the PT_LOAD that contains it. @return 0 or -EFAULT. */
int ct_binary_offset(const struct ct_binary *binary, uint64_t address, uint64_t *ret_offset);

/** Lowest PT_LOAD address, page aligned: runtime address = address - this + start of the first mapping. */
uint64_t ct_binary_base(const struct ct_binary *binary);
