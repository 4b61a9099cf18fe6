// SPDX-License-Identifier: Apache-2.0
// The rounds of all scenarios, by file. What each is about stands in the table of scenarios.c.
#ifndef CTXDEMO_SCENARIOS_H
#define CTXDEMO_SCENARIOS_H

#include "demo.h"

/* shop.c */
void shop_leak(struct demo *demo, uint64_t round);
void shop_right(struct demo *demo, uint64_t round);

/* lost.c */
void lost_timer(struct demo *demo, uint64_t round);
void lost_timer_right(struct demo *demo, uint64_t round);
void lost_child(struct demo *demo, uint64_t round);
void lost_child_right(struct demo *demo, uint64_t round);
void after_func(struct demo *demo, uint64_t round);
void after_func_right(struct demo *demo, uint64_t round);
void deep_chain(struct demo *demo, uint64_t round);
void deep_chain_right(struct demo *demo, uint64_t round);

/* lesson.c */
void no_timeout(struct demo *demo, uint64_t round);
void no_timeout_right(struct demo *demo, uint64_t round);
void ignored_ctx(struct demo *demo, uint64_t round);
void ignored_ctx_right(struct demo *demo, uint64_t round);
void stored_ctx(struct demo *demo, uint64_t round);
void stored_ctx_right(struct demo *demo, uint64_t round);
void todo_root(struct demo *demo, uint64_t round);
void todo_root_right(struct demo *demo, uint64_t round);
void background(struct demo *demo, uint64_t round);
void background_right(struct demo *demo, uint64_t round);

/* fan_out.c */
void pipeline(struct demo *demo, uint64_t round);
void pipeline_right(struct demo *demo, uint64_t round);
void pipeline_hang(struct demo *demo, uint64_t round);
void assemble(struct demo *demo, uint64_t round);
void assemble_right(struct demo *demo, uint64_t round);

/* correct.c */
void detached(struct demo *demo, uint64_t round);
void pool(struct demo *demo, uint64_t round);
void service(struct demo *demo, uint64_t round);
void held(struct demo *demo, uint64_t round);
void churn(struct demo *demo, uint64_t round);

#endif
