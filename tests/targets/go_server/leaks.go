// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

// The harness looks for the LEAK comments: the line they stand on is the line that a report must name.

func (s *server) leakAll(ctx context.Context) {
	use(s.subscribeUpdates())
	use(s.lookupSupplier(ctx))
	s.closeAtShutdown()
}

//go:noinline
func (s *server) subscribeUpdates() context.Context {
	s.leaks.subscribe.Add(1)
	ctx, _ := context.WithCancel(s.life) // LEAK:subscribe
	return ctx
}

//go:noinline
func (s *server) lookupSupplier(request context.Context) context.Context {
	s.leaks.lookup.Add(1)
	ctx, _ := context.WithTimeout(withoutCancel(request), time.Hour) // LEAK:lookup
	return ctx
}

//go:noinline
func use(ctx context.Context) {
	if ctx.Err() != nil {
		panic("a context nobody cancelled has ended")
	}
}
