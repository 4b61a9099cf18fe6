// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import (
	"context"
	"errors"
	"time"
)

var errBudget = errors.New("the budget of 20 ms is used")

//go:noinline
func budget() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Millisecond, errBudget) // WHY:budget
	defer cancel()
	child, cancelChild := context.WithCancel(ctx)
	defer cancelChild()
	<-child.Done()
}

// early ends before its deadline: that cause is not the one.
//
//go:noinline
func early() {
	_, cancel := context.WithTimeoutCause(context.Background(), time.Hour, errBudget) // WHY:early
	cancel()
}

// past asks for a deadline that is over.
//
//go:noinline
func past() {
	_, cancel := context.WithDeadlineCause(context.Background(), time.Now().Add(-time.Second), errBudget) // WHY:past
	cancel()
}

func timeouts() {
	for i := 0; i < rounds; i++ {
		budget()
		early()
		past()
	}
}
