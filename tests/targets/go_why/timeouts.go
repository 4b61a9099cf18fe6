// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import (
	"context"
	"errors"
	"time"
)

var errBudget = errors.New("the budget of 20 ms is used")

// budget says whether the child was there before its deadline had passed: who lost the processor between them cannot
// tell what was first.
//
//go:noinline
func budget() bool {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Millisecond, errBudget) // WHY:budget
	defer cancel()
	child, cancelChild := context.WithCancel(ctx)
	isCertain := ctx.Err() == nil
	defer cancelChild()
	<-child.Done()
	return isCertain
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
		for !budget() {
			doubtful++
		}
		early()
		past()
	}
}
