// SPDX-License-Identifier: Apache-2.0

// go_defer_loop defers cancel in a loop that never returns.
package main

import (
	"context"
	"flag"
	"sync/atomic"
	"time"

	"targets/target"
)

type truth struct {
	Created int64 `json:"created"`
}

var created atomic.Int64

func consume(parent context.Context, messages <-chan time.Time) {
	for range messages {
		ctx, cancel := context.WithCancel(parent) // LEAK:defer-loop
		defer cancel()
		handle(ctx)
	}
}

//go:noinline
func handle(ctx context.Context) {
	if ctx.Err() == nil {
		created.Add(1)
	}
}

func main() {
	rate := flag.Int("rate", 200, "messages a second")
	flag.Parse()
	ctx, end := context.WithCancel(context.Background())
	ticker := time.NewTicker(time.Second / time.Duration(*rate))
	go consume(ctx, ticker.C)
	target.Ready()
	target.Commands(func(string) {})
	target.Truth(truth{Created: created.Load()})
	end()
}
