// SPDX-License-Identifier: Apache-2.0

//go:build !go1.21

package main

import (
	"context"
	"time"
)

// detached is what programs wrote before there was WithoutCancel.
type detached struct{ context.Context }

func (detached) Deadline() (time.Time, bool) { return time.Time{}, false }
func (detached) Done() <-chan struct{}       { return nil }
func (detached) Err() error                  { return nil }

func withoutCancel(ctx context.Context) context.Context { return detached{ctx} }

func afterFunc(context.Context, func()) func() bool { return func() bool { return true } }

func withCancelCause(ctx context.Context) (context.Context, func(error)) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(error) { cancel() }
}

func cause(ctx context.Context) error { return ctx.Err() }

func (s *server) closeAtShutdown() {}
