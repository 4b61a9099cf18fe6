// SPDX-License-Identifier: Apache-2.0
/*
 * A text event stream played into a tree.
 *
 * The text codec's lines (user/event/text_codec.h), and one thing more, so that a crowd is told in a line and not in
 * two hundred:
 *
 *	#! repeat 60
 *	+10ms  create context=0x1{} task=7 kind=cancel path=2
 *	#! end
 *
 * writes the lines between out 60 times; in each round `{}` is its number, four hexadecimal digits from 0001.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/error.h"
#include "ctxtrace/tree.h"

/** Write all repeats out. @return 0; negative errno with the line in `reterr`. */
int golden_stream_expand(const char *text, struct ct_text *out, struct ct_error *reterr);

/**
 * Decode every line, validate it as bytes from the kernel are validated, and apply it. An event the tree refuses fails
 * the whole stream: a story does not contradict itself.
 *
 * @param text  NUL-terminated stream.
 * @return 0; negative errno with the line in `reterr`; lines are counted with repeats written out.
 */
int golden_stream_apply(const char *text, struct ct_tree *tree, struct ct_error *reterr);
