// SPDX-License-Identifier: Apache-2.0

//go:build go1.20

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// quotaError has a text that only its method knows.
type quotaError struct{ left int }

func (e *quotaError) Error() string { return fmt.Sprintf("%d left", e.left) }

// codeError is no pointer.
type codeError int

func (e codeError) Error() string { return "code" }

var errQuota = errors.New("client quota exceeded")

// stop cancels with a cause; a child and its child have it from there.
//
//go:noinline
func stop(cause error) {
	ctx, cancel := context.WithCancelCause(context.Background()) // WHY:stop
	child, cancelChild := context.WithCancel(ctx)
	_, cancelGrandchild := context.WithCancel(child)
	cancel(cause) // WHY:stopped
	cancelGrandchild()
	cancelChild()
}

//go:noinline
func plain()    { stop(errQuota) }
func wrapped()  { stop(fmt.Errorf("upstream: %w", errQuota)) }
func several()  { stop(fmt.Errorf("%w and %w", errQuota, errors.New("disk full"))) }
func own()      { stop(&quotaError{3}) }
func code()     { stop(codeError(7)) }
func joined()   { stop(errors.Join(errQuota, errors.New("disk full"))) }
func none()     { stop(nil) }
func canceled() { stop(context.Canceled) }
func exceeded() { stop(context.DeadlineExceeded) }
func long()     { stop(errors.New(strings.Repeat("0123456789", 20))) }
func hostile()  { stop(errors.New("\x1b[2J\x1b]0;owned\x07\nFAKE no leaks \xff\xc2\x9b31m")) }
func empty()    { stop(errors.New("")) }
func cut()      { stop(errors.New(strings.Repeat("x", 95) + "€uro")) }

// manifold has a different text each time.
//
//go:noinline
func manifold() {
	for i := 0; i < 10; i++ {
		_, cancel := context.WithCancelCause(context.Background())
		cancel(fmt.Errorf("request %d failed", i))
	}
}

func causes() {
	for i := 0; i < rounds; i++ {
		plain()
		wrapped()
		several()
		own()
		code()
		joined()
		none()
		canceled()
		exceeded()
		long()
		hostile()
		empty()
		cut()
	}
	manifold()
}

//go:noinline
func caused(count int) {
	for i := 0; i < count; i++ {
		_, cancel := context.WithCancelCause(context.Background())
		cancel(errQuota)
	}
}
