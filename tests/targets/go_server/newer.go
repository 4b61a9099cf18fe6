// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import "context"

func withoutCancel(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func afterFunc(ctx context.Context, f func()) func() bool { return context.AfterFunc(ctx, f) }

func withCancelCause(ctx context.Context) (context.Context, func(error)) {
	return context.WithCancelCause(ctx)
}

func cause(ctx context.Context) error { return context.Cause(ctx) }

//go:noinline
func (s *server) closeAtShutdown() {
	s.leaks.shutdown.Add(1)
	context.AfterFunc(s.life, func() { s.ignored.Add(1) }) // LEAK:shutdown
}
