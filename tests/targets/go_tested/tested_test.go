// SPDX-License-Identifier: Apache-2.0

// Package tested is a test binary as `go test -c` makes it: short, and never a collection. CTX_LEAK=1 loses contexts.
package tested

import (
	"context"
	"os"
	"testing"
	"time"
)

var background, stop = context.WithCancel(context.Background())

// call forgets its cancel function when it is told to.
func call(parent context.Context, leaks bool) error {
	ctx, cancel := context.WithTimeout(parent, time.Hour)
	if !leaks {
		defer cancel()
	}
	_ = cancel
	return ctx.Err()
}

func TestCalls(t *testing.T) {
	for i := 0; i < 20; i++ {
		if err := call(background, os.Getenv("CTX_LEAK") == "1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParallel(t *testing.T) {
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(background)
			t.Cleanup(cancel)
			go func() { <-ctx.Done() }()
		})
	}
}

func TestMain(m *testing.M) {
	status := m.Run()
	if stop == nil {
		status = 1
	}
	os.Exit(status)
}
