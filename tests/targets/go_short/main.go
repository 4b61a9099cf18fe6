// SPDX-License-Identifier: Apache-2.0

// go_short is a short program that loses 200 contexts under a root which it cancels at its very end, as programs do.
// With the argument "right" it cancels each of them when its work is done.
package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

const contexts = 200

//go:noinline
func lose(parent context.Context) context.Context {
	ctx, _ := context.WithTimeout(parent, time.Hour) // LEAK:lose
	return ctx
}

//go:noinline
func finish(parent context.Context) context.Context {
	ctx, cancel := context.WithTimeout(parent, time.Hour)
	defer cancel()
	return ctx
}

func main() {
	work := lose
	if len(os.Args) > 1 && os.Args[1] == "right" {
		work = finish
	}
	root, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < contexts; i++ {
		work(root)
	}
	runtime.GC() // two whole collections, so that nothing is left to be collected
	runtime.GC()
	time.Sleep(4 * time.Second)
}
