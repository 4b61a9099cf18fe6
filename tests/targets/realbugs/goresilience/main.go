// SPDX-License-Identifier: Apache-2.0

// goresilience runs commands under its timeout runner, which drops the cancel function of each: v0.2.0, never fixed.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/slok/goresilience/timeout"
)

func work(root context.Context, runs int) {
	runner := timeout.New(timeout.Config{Timeout: time.Hour})
	for i := 0; i < runs; i++ {
		err := runner.Run(root, func(context.Context) error { return nil })
		if err != nil {
			panic(fmt.Sprintf("run %d: %v", i, err))
		}
	}
}
