// SPDX-License-Identifier: Apache-2.0

// go_short is a short program that loses 200 contexts under a root which it cancels at its very end, as programs do.
// With the argument "right" it cancels each of them when its work is done. It ends when the file named by -until is
// there, so that a test can see first what it waits for.
package main

import (
	"context"
	"flag"
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
	until := flag.String("until", "", "a `file` to wait for")
	flag.Parse()
	work := lose
	if flag.Arg(0) == "right" {
		work = finish
	}
	root, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < contexts; i++ {
		work(root)
	}
	runtime.GC() // two whole collections, so that nothing is left to be collected
	runtime.GC()
	least := time.Now().Add(4 * time.Second) // however early the file is there
	for {
		if _, err := os.Stat(*until); err == nil && time.Now().After(least) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
