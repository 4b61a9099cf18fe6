// SPDX-License-Identifier: Apache-2.0

// failsafe runs executions with a timeout policy under a cancellable context: v0.9.5 makes a child context for each and
// never cancels it, v0.9.6 does (fixed.mod).
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/timeout"
)

func work(root context.Context, runs int) {
	policy := timeout.New[any](time.Minute)
	executor := failsafe.With[any](policy).WithContext(root)
	for i := 0; i < runs; i++ {
		if err := executor.Run(func() error { return nil }); err != nil {
			panic(fmt.Sprintf("run %d: %v", i, err))
		}
	}
}
