// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"time"
)

// Each shape makes contexts and, after until, has cancelled all of them or left them to who will. A nil until means:
// do not wait, this is the hot run.
var shapes = []struct {
	name string
	run  func(context.Context, <-chan struct{})
}{
	{"blocked-defer", blockedDefer},
	{"blocked-timeout", blockedTimeout},
	{"blocked-cause", blockedCause},
	{"struct-field", structField},
	{"nested-closure", nestedClosure},
	{"returned-closure", returnedClosure},
	{"after-func-held", afterFuncHeld},
	{"after-func-discarded", afterFuncDiscarded},
	{"loop", loop},
	{"handed-over", handedOver},
}

//go:noinline
func blockedDefer(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	wait(ctx, until)
}

//go:noinline
func blockedTimeout(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithTimeout(parent, time.Hour)
	defer cancel()
	wait(ctx, until)
}

//go:noinline
func blockedCause(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	wait(ctx, until)
}

func wait(ctx context.Context, until <-chan struct{}) {
	if until == nil {
		return
	}
	select {
	case <-until:
	case <-ctx.Done():
	}
}

type conn struct {
	ctx    context.Context
	cancel context.CancelFunc
}

var (
	opening sync.Mutex
	open    []*conn
)

//go:noinline
func structField(parent context.Context, _ <-chan struct{}) {
	c := &conn{}
	c.ctx, c.cancel = context.WithCancel(parent)
	opening.Lock()
	defer opening.Unlock()
	open = append(open, c)
}

// forget closes what structField and the others have left open.
func forget() {
	opening.Lock()
	defer opening.Unlock()
	for _, c := range open {
		c.cancel()
	}
	open = nil
}

//go:noinline
func nestedClosure(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	func() {
		defer func() { cancel() }()
		wait(ctx, until)
	}()
}

func derive(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	return ctx, func() { cancel() }
}

//go:noinline
func returnedClosure(parent context.Context, until <-chan struct{}) {
	ctx, end := derive(parent)
	defer end()
	wait(ctx, until)
}

//go:noinline
func afterFuncHeld(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {})
	defer stop()
	wait(ctx, until)
}

// One registration on a request's own context, nobody stops it: it ends with the request.
//
//go:noinline
func afterFuncDiscarded(parent context.Context, until <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	context.AfterFunc(ctx, func() {})
	wait(ctx, until)
}

// The last of three attempts is the one that waits.
//
//go:noinline
func loop(parent context.Context, until <-chan struct{}) {
	for attempt := 0; attempt < 3; attempt++ {
		ctx, cancel := context.WithCancel(parent)
		if attempt == 2 {
			wait(ctx, until)
		}
		cancel()
	}
}

//go:noinline
func handedOver(parent context.Context, until <-chan struct{}) {
	cancels := make(chan context.CancelFunc, 1)
	ctx, cancel := context.WithCancel(parent)
	cancels <- cancel
	wait(ctx, until)
	(<-cancels)()
}
