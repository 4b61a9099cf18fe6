// SPDX-License-Identifier: Apache-2.0
/*
 * Events that the reader of the target's memory tells: what lives, who holds it, what goroutines do, what was read.
 * A part of ctxtrace/event.h, whose rules hold here too; include that.
 */
#pragma once

#ifndef CT_EVENT_BYTES_MAX
#error "include ctxtrace/event.h"
#endif

/** Flags of SCAN_BEGIN and SCAN_END. */
#define CT_SCAN_COMPLETE 0x01 /**< Everything that had to be read could be read. */
#define CT_SCAN_STOPPED 0x02  /**< The target stood still, and what it could reach was followed: LOST is proven at once. */
#define CT_SCAN_TORN 0x04 /**< A map of children was changing: contexts that nothing else proves may be missing. */

/** Brackets one reading of the target's memory. SCAN_END repeats SCAN_BEGIN and adds the figures. */
struct ct_event_scan {
	struct ct_event_header header;
	__u64 began_ns;	   /**< Contexts made later are not judged by this scan. */
	__u32 scan;	   /**< Number from 1. */
	__u32 collections; /**< Garbage collections the target has begun so far, as its heap counts them. */
	__u32 contexts;	   /**< Live contexts found. */
	__u32 lost;	   /**< Of these: not cancelled, retained, no cancel function. */
	__u64 read_bytes;
	__u64 paused_ns; /**< How long the target stood still for it. */
};

/** What memory says about a context. */
enum ct_observed_state {
	CT_OBSERVED_HELD = 0,	   /**< Lives, not cancelled, a cancel function exists. */
	CT_OBSERVED_LOST = 1,	   /**< Lives, not cancelled, retained, and no cancel function exists. */
	CT_OBSERVED_CANCELLED = 2, /**< Its error word is set. */
	CT_OBSERVED_FREED = 3,	   /**< Not allocated, or no context any more. */
	CT_OBSERVED_UNRETAINED = 4, /**< Lives, no cancel function, nothing retains it: garbage waiting. */
	CT_OBSERVED_UNDECIDED = 5, /**< Looks lost, but a guard forbids the verdict (pointer on a stack, unswept). */
	CT_OBSERVED_END = 6,
};

/** What keeps a context, as bits. */
#define CT_RETAINED_PARENT 0x01
#define CT_RETAINED_TIMER 0x02
#define CT_RETAINED_GOROUTINE 0x04

/** Flag of OBSERVED: its cancel function waits on a goroutine's defer list; `task` is that goroutine. */
#define CT_OBSERVED_DEFERRED 0x01
/** Flag of OBSERVED, with UNDECIDED: the memory was just changing (a collection, a torn map): earlier answers stand. */
#define CT_OBSERVED_IN_FLUX 0x02

/** One context as memory shows it. Sent when it differs from what the stream said so far. */
struct ct_event_observed {
	struct ct_event_header header;
	__u64 context;
	__u64 parent; /**< As in CREATE. */
	__u64 deadline_ns;
	__u64 task;
	__u32 scan;
	__u8 kind;	  /**< enum ct_context_kind. */
	__u8 state;	  /**< enum ct_observed_state. */
	__u8 retained_by; /**< CT_RETAINED_ bits. */
	__u8 parent_kind; /**< As in CREATE. */
	__u64 object_bytes; /**< Memory it keeps, as far as it was measured; 0 unknown. */
	__u32 hops;	    /**< As in CREATE, not cut short; older recordings end in front of it. */
	__u32 pad;
};

/** Flags of GOROUTINE. */
#define CT_GOROUTINE_SYSTEM 0x01 /**< The runtime's own. */
#define CT_GOROUTINE_WAITS 0x02	 /**< It is blocked on the done channel of `context`; else its stack refers to it. */
#define CT_GOROUTINE_TIMED 0x08	 /**< One of the channels it is blocked on is a timer's: it waits for so long at most. */
#define CT_GOROUTINE_BOXED 0x04	 /**< Its stack leads to a context in an object of its own, as WithoutCancel makes. */

/**
 * One goroutine, read from the runtime's list of all. Followed by two NUL-terminated strings: its state and why it
 * waits, in the runtime's own words; the second may be empty.
 */
struct ct_event_goroutine {
	struct ct_event_header header;
	__u64 task;	     /**< goid. */
	__u64 creator;	     /**< goid of the goroutine that started it; 0 unknown. */
	__u64 context;	     /**< What it waits for or refers to; 0 none found. */
	__u64 wait_since_ns; /**< It has waited since then at least (the collector notes it); 0 unknown. */
	__u32 created;	     /**< Path: the line of its go statement. */
	__u32 entry;	     /**< Path: the function it began with. */
	__u32 at;	     /**< Path: where it is now; 0 while it runs. */
	__u32 refers;	     /**< Contexts its stack refers to, cancelled ones included. */
	__u32 strings_bytes; /**< Bytes of the strings, NULs included. */
	__u8 context_state;  /**< enum ct_observed_state of `context`. */
	__u8 pad[3];
};

/** What a request asks for, seen in memory. Followed by a NUL-terminated text: method and pattern, or path. */
struct ct_event_route {
	struct ct_event_header header;
	__u64 context;	   /**< Of the request. */
	__u64 task;	   /**< Who serves it. */
	__u32 route_bytes; /**< With the NUL. */
	__u32 pad;
};

/* Flags of TASK_SEEN. */
#define CT_TASK_SEEN_GONE 0x01	 /**< It is known to run, and memory does not have it: its end was lost. */
#define CT_TASK_SEEN_SYSTEM 0x02 /**< As CT_TASK_SYSTEM. */

/**
 * What the reading that ended just before says of one goroutine, told when it differs from the stream: one that runs
 * and whose start nobody saw, or one that is gone. What context it was started with nobody knows any more.
 */
struct ct_event_task_seen {
	struct ct_event_header header;
	__u64 task;    /**< goid. */
	__u64 creator; /**< goid of the goroutine that started it; 0 unknown. */
	__u32 created; /**< Path: the line of its go statement; 0 unknown. */
	__u32 entry;   /**< Path: the function it began with; 0 unknown. */
};

/**
 * A goroutine of a request waits to be given a value by one channel, and for nothing else but timers, contexts and empty
 * signals. Told with the GOROUTINE of the same time.
 */
struct ct_event_task_idle {
	struct ct_event_header header;
	__u64 task;    /**< goid. */
	__u64 channel; /**< Address of its runtime.hchan. */
};

/** What refers to a thing. */
enum ct_holder_kind {
	CT_HOLDER_NONE = 0,	/**< Nothing was found: garbage not yet collected, or the search was cut short. */
	CT_HOLDER_GLOBAL = 1,	/**< A package's variable; `name` where there are symbols, else its address. */
	CT_HOLDER_STACK = 2,	/**< A frame of a goroutine: `task` and `path`. */
	CT_HOLDER_DEFERRED = 3, /**< A deferred call that waits for the function of `path` to return. */
	CT_HOLDER_OBJECT = 4,	/**< A heap object of `object_bytes`. */
	CT_HOLDER_CLOSURE = 5,	/**< A function value; `name` is its function. */
	CT_HOLDER_MAP = 6,	/**< A map with `entries`. */
	CT_HOLDER_CHANNEL = 7,	/**< The buffer of a channel, with `entries` in it. */
	CT_HOLDER_END = 8,
};

/** Flags of HOLDER. */
#define CT_HOLDER_LAST 0x01 /**< The chain ends here. */
#define CT_HOLDER_CUT 0x02  /**< With LAST: it goes on, but the search was cut short (depth, objects, bytes). */
#define CT_HOLDER_PARENTS 0x04 /**< The contexts of the group have different parents. */

/**
 * One hop from a context's cancel function to what holds it: hop 0 refers to the function, hop 1 to hop 0's object and
 * so on. The hops of one chain follow one another. Followed by a NUL-terminated name, which may be empty.
 */
struct ct_event_holder {
	struct ct_event_header header;
	__u64 context;	    /**< Whose cancel function; one of a sample. */
	__u64 task;	    /**< Goroutine; 0 none. */
	__u64 object_bytes; /**< Of a heap object, below 2^48; 0 unknown. */
	__u64 entries;	    /**< Of a map or channel, below 2^48; 0 unknown. */
	__u32 path;	    /**< See SITE; 0 none. */
	__u32 of;	    /**< How many contexts the sample stands for. */
	__u32 name_bytes;   /**< With the NUL. */
	__u8 hop;
	__u8 kind;    /**< enum ct_holder_kind. */
	__u16 group; /**< Contexts that are explained together; one sample stands for each. */
};

/** What every OBSERVED has. */
#define CT_OBSERVED_BYTES_MIN 64

/* Flags of MEMORY, at most one. Without one, `bytes` bytes of content follow; with one, nothing. */
#define CT_MEMORY_ZERO 0x01	  /**< The content is zero, or the target never touched it. */
#define CT_MEMORY_UNREADABLE 0x02 /**< The whole read was answered with -EFAULT. */
#define CT_MEMORY_SWAPPED 0x04	  /**< The read left out `pages` pages that were swapped out. */
#define CT_MEMORY_STOPPED 0x08	  /**< Too much to keep: from this read on nothing is told any more. */

/**
 * Bytes of the target, as a reading of its memory saw them; only in recordings of `census`. Before the SCAN_BEGIN of
 * the reading, or between the brackets where single contexts were asked about.
 *
 * What an earlier MEMORY told is not told again: a read sees, byte by byte, the latest one that is not after it. Two
 * reads of one address may differ, so the order counts: `read` numbers the reads of one reading, untold ones too.
 */
struct ct_event_memory {
	struct ct_event_header header;
	__u64 address;
	__u64 bytes;
	__u32 scan;  /**< Number of the reading; its SCAN_BEGIN repeats it. */
	__u32 read;  /**< Number of the read in this reading, from 1. */
	__u32 pages; /**< With SWAPPED. */
	__u32 pad;
};

/**
 * Facts about the program that no memory tells: CT_FACT(NAME, number, "name in text"). One with `first` alone has
 * `second` 0. Readers skip those they do not know; a meaning never changes, a new one goes at the end.
 */
#define CT_FACT_CATALOGUE(CT_FACT)                                                                       \
	CT_FACT(GO_MINOR, 1, "go_minor")	    /* Go 1.first */                                     \
	CT_FACT(MHEAP, 2, "mheap")		    /* address of runtime.mheap_ */                      \
	CT_FACT(ALLGS, 3, "allgs")		    /* address of the slice runtime.allgs */             \
	CT_FACT(ALLGS_GUESS, 4, "allgs_guess")	    /* it may be here; many */                           \
	CT_FACT(TYPES, 5, "types")		    /* type descriptors: begin, end */                   \
	CT_FACT(TEXT, 6, "text")		    /* code: begin, end */                               \
	CT_FACT(IMAGE, 7, "image")		    /* file-backed image: begin, end */                  \
	CT_FACT(TODO, 8, "todo")		    /* address of context.todo, up to Go 1.20 */	    \
	CT_FACT(TIME_BASE, 9, "time_base")	    /* CLOCK_MONOTONIC at the process's own zero */      \
	CT_FACT(INLINED_CREATORS, 10, "inlined_creators") /* 1: creators were inlined */                 \
	CT_FACT(CLOSURE, 11, "closure")		    /* code address, enum ct_closure_role; many */       \
	CT_FACT(CALL, 12, "call")		    /* code of a creator: begin, end; many, ascending */ \
	CT_FACT(NEXT_MODULE, 13, "next_module")	    /* address of the main module's moduledata.next */

/** Facts, CT_FACT_GO_MINOR and so on. */
enum ct_fact_name {
#define CT_FACT_ENUM(name, number, text) CT_FACT_##name = (number),
	CT_FACT_CATALOGUE(CT_FACT_ENUM)
#undef CT_FACT_ENUM
	CT_FACT_NAME_END,
};

/** One fact. */
struct ct_fact {
	__u32 name; /**< enum ct_fact_name. */
	__u32 pad;
	__u64 first, second;
};

/** Flag of FACTS: no more of them follow. */
#define CT_FACTS_LAST 0x01

/** Facts, followed by `count` of struct ct_fact. Before the first MEMORY; as many events as they need. */
struct ct_event_facts {
	struct ct_event_header header;
	__u32 count;
	__u32 pad;
};

/** As many facts fit into one event. */
#define CT_FACTS_MAX ((CT_EVENT_BYTES_MAX - sizeof(struct ct_event_facts)) / sizeof(struct ct_fact))
/** As much content fits into one event. */
#define CT_MEMORY_BYTES_MAX (CT_EVENT_BYTES_MAX - sizeof(struct ct_event_memory))
