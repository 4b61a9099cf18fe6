// SPDX-License-Identifier: Apache-2.0
/*
 * The lesson's listings on the C context library: twins of tests/targets/lesson, with the same names and truth. A server
 * on loopback TCP and its clients are one program; a request is a line, its answer another.
 *
 * The harness looks for the LESSON comments: the lines they stand on are those that a report must name.
 */
#ifndef LESSON_C_LESSON_H
#define LESSON_C_LESSON_H

#include "ctxtrace/context.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/** Functions that must be seen in stacks under their own names. */
#if defined(__clang__)
#define SEEN __attribute__((noinline))
#else
#define SEEN __attribute__((noipa))
#endif

#define ROUTES_MAX 8
#define STATUS_END 600
#define TEXT_SIZE  64

struct program;

/** A request as its handler sees it. */
struct call {
	struct program *program;
	int socket;
	int id;
	char text[TEXT_SIZE]; /**< Of the answer. */
};

/** @return the status. A handler makes the request's context itself: it is what a report names. */
typedef int (*handler_fn)(struct call *call);

/** What a path leads to. */
struct route {
	const char *path;
	handler_fn handler;
	bool is_ours; /**< Counted by `serving`: a handler of the listing, no service that it calls. */
};

/** The server and its clients. */
struct program {
	cctx_t *life; /**< Until the program ends. */
	struct sockaddr_in address;
	struct route routes[ROUTES_MAX];
	int route_count;
	atomic_int asked;    /**< Requests of clients. */
	atomic_int answered; /**< Clients that have their answer, or have given up. */
	atomic_int serving;  /**< Handlers that have not returned. */
	atomic_int answers[STATUS_END]; /**< By status; 0 where the client gave up. */
	void *state;	     /**< Of the listing. */
};

/* program.c */

/** Listen, and serve in threads from now on. */
void program_serve(struct program *program);

/** Add a handler of the listing, or of a service that it calls. Before anybody asks for it. */
void program_route(struct program *program, const char *path, handler_fn handler);
void program_service(struct program *program, const char *path, handler_fn handler);

/** So many clients at once, not waited for; each gives up when `ctx` ends. */
void program_ask_at_once(struct program *program, cctx_t *ctx, int clients, const char *path);

/** So many clients, one after the other. */
void program_ask_and_wait(struct program *program, int times, const char *path);

/** Wait until so many clients have been answered or have given up, and every handler has returned. */
void program_wait_answers(struct program *program, int clients);

/**
 * One call over TCP.
 *
 * @param ctx  The call is given up when it ends. NULL: no context, wait for ever.
 * @param ret_text  TEXT_SIZE bytes. May be NULL.
 * @return the status, or the negative cctx_err() of a context that ended first.
 */
int program_get(struct program *program, cctx_t *ctx, const char *path, int id, char *ret_text);

/* wait.c */

/** Wait until the counter has come that far; what does not come within 30 s is the end of the program. */
void wait_count(const atomic_int *counter, int wanted);

/** Return when a tool that allows the usual second of grace can no longer allow it. */
void wait_longer(void);

/** Sleep. */
void wait_milliseconds(int milliseconds);

/** A detached thread of no context. */
void start_thread(void *(*fn)(void *opaque), void *opaque);

/** The pointer, or the end of the program. */
void *must(void *pointer);

/** The same for what returns 0 or an error. */
void must_be_0(int err);

/* The listings: each returns when its state is reached; the wrong ones say how often what is to be found is there. */
void get_user_right(struct program *program);
int get_user_wrong(struct program *program);
void process_items_right(struct program *program);
int process_items_wrong(struct program *program);
void missing_cancel_right(struct program *program);
int missing_cancel_wrong(struct program *program);
void run_pipeline_right(struct program *program);
int run_pipeline_wrong(struct program *program);
void assemble_response_right(struct program *program);
void todo_in_request_right(struct program *program);
int todo_in_request_wrong(struct program *program);
void background_in_request_right(struct program *program);
int background_in_request_wrong(struct program *program);
void stored_context_right(struct program *program);
int stored_context_wrong(struct program *program);
void outlives_right(struct program *program);
int outlives_wrong(struct program *program);
void outlives_detached_right(struct program *program);

#endif
