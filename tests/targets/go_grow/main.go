// SPDX-License-Identifier: Apache-2.0

// go_grow does one thing again and again, so many times a second, and collects garbage every 300 ms: loses contexts,
// forgets stop functions, defers in a loop, deepens a chain; or does the same right. Between "go" and the end its truth
// grows; what it holds from the start does not.
package main

import (
	"context"
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"targets/target"
)

type truth struct {
	Made int64 `json:"made"`
	Held int   `json:"held"`
}

type key struct{}

var (
	made atomic.Int64
	kept []context.CancelFunc
	mu   sync.Mutex
)

//go:noinline
func forget(root context.Context) {
	context.WithCancel(root) // LEAK:forget
}

//go:noinline
func forgetTimer(root context.Context) {
	context.WithTimeout(root, time.Hour) // LEAK:forget-timer
}

//go:noinline
func forgetStop(root context.Context) {
	context.AfterFunc(root, func() {}) // LEAK:forget-stop
}

func deferAll(root context.Context, ticks <-chan time.Time) {
	for range ticks {
		_, cancel := context.WithCancel(root) // LEAK:defer-all
		defer cancel()
		made.Add(1)
	}
}

// fanOut defers them all at once and waits: correct, it returns.
func fanOut(root context.Context, count int) {
	for i := 0; i < count; i++ {
		_, cancel := context.WithCancel(root)
		defer cancel()
	}
	made.Add(int64(count))
	target.Say("fanned out")
	<-root.Done()
}

//go:noinline
func keep(ctx context.Context) {
	_, cancel := context.WithCancel(ctx) // LEAK:wrapped
	mu.Lock()
	defer mu.Unlock()
	kept = append(kept, cancel)
}

// wrapValues wraps the context of the last round in each round, and derives from it.
func wrapValues(root context.Context, ticks <-chan time.Time) {
	ctx := root
	for range ticks {
		ctx = context.WithValue(ctx, key{}, made.Add(1))
		keep(ctx)
		if made.Load() > 100000 {
			return
		}
	}
}

// wrapRight wraps the request's context in each round.
func wrapRight(root context.Context, ticks <-chan time.Time) {
	for range ticks {
		ctx := root
		for i := 0; i < 20; i++ {
			ctx = context.WithValue(ctx, key{}, i)
		}
		_, cancel := context.WithCancel(ctx)
		made.Add(1)
		cancel()
	}
}

//go:noinline
func deriveOne(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx) // LEAK:derived
}

// deriveDeeper derives from the context of the last round in each round.
func deriveDeeper(root context.Context, ticks <-chan time.Time) {
	ctx := root
	for range ticks {
		next, cancel := deriveOne(ctx)
		mu.Lock()
		kept = append(kept, cancel)
		mu.Unlock()
		made.Add(1)
		ctx = next
	}
}

// recurse derives as many contexts as it goes deep and returns: correct, however deep.
func recurse(ctx context.Context, depth int) {
	if depth == 0 {
		time.Sleep(20 * time.Millisecond)
		return
	}
	next, cancel := deriveOne(ctx)
	defer cancel()
	recurse(next, depth-1)
}

func descend(depth int) func(context.Context, <-chan time.Time) {
	return func(root context.Context, ticks <-chan time.Time) {
		for range ticks {
			recurse(root, depth)
			made.Add(int64(depth))
		}
	}
}

func each(do func(context.Context)) func(context.Context, <-chan time.Time) {
	return func(root context.Context, ticks <-chan time.Time) {
		for range ticks {
			do(root)
			made.Add(1)
		}
	}
}

func main() {
	rate := flag.Int("rate", 100, "times a second")
	what := flag.String("do", "lose", "lose, timer, stop, defer, values, derive; right: values-right, recurse, nothing")
	held := flag.Int("held", 7, "contexts held from the start")
	depth := flag.Int("depth", 100, "of the recursion")
	pile := flag.Int("fan-out", 0, "cancel functions that a fan-out defers at once")
	flag.Parse()
	root, end := context.WithCancel(context.Background())
	for i := 0; i < *held; i++ {
		_, cancel := context.WithCancel(root)
		kept = append(kept, cancel)
	}
	does := map[string]func(context.Context, <-chan time.Time){
		"lose": each(forget), "timer": each(forgetTimer), "stop": each(forgetStop), "defer": deferAll,
		"values": wrapValues, "derive": deriveDeeper, "values-right": wrapRight, "recurse": descend(*depth),
		"nothing": func(context.Context, <-chan time.Time) {},
	}
	target.Ready()
	target.Commands(func(command string) {
		if command != "go" {
			return
		}
		go func() {
			for range time.Tick(300 * time.Millisecond) {
				runtime.GC()
			}
		}()
		if *pile > 0 {
			go fanOut(root, *pile)
		}
		go does[*what](root, time.Tick(time.Second/time.Duration(*rate)))
	})
	target.Truth(truth{Made: made.Load(), Held: *held})
	end()
	runtime.KeepAlive(kept)
}
