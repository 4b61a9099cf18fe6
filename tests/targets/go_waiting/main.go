// SPDX-License-Identifier: Apache-2.0

// go_waiting is correct code whose cancel functions are a long time under way: calls of the library that wait for a
// processor or the collector, a recursion and a fan-out that defer many. With -lost it also forgets that many.
package main

import (
	"context"
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"targets/target"
)

type truth struct {
	Lost int `json:"lost"`
}

// busy makes and ends contexts for ever. Thousands of these on a few processors stand still in the middle of either.
func busy(root context.Context) {
	for root.Err() == nil {
		ctx, cancel := context.WithCancel(root)
		ctx.Done()
		cancel()
		ctx, cancel = context.WithTimeout(root, time.Hour)
		ctx.Done()
		cancel()
		context.AfterFunc(root, func() {})()
	}
}

// padded makes a context below calls that have nearly used up a new goroutine's stack: with the right depth the runtime
// copies the stack to a larger one in the middle of a creator or of a cancel function.
//
//go:noinline
func padded(root context.Context, depth int) int {
	if depth > 0 {
		return padded(root, depth-1) + 1
	}
	ctx, cancel := context.WithTimeout(root, time.Hour)
	ctx.Done()
	cancel()
	return 0
}

func grow(root context.Context) {
	done := make(chan int)
	for depth := 0; root.Err() == nil; depth = (depth + 1) % 24 {
		go func() { done <- padded(root, depth) }()
		<-done
	}
}

// descend defers one cancel function in each call; the loop puts it on the goroutine's list.
//
//go:noinline
func descend(parent context.Context, depth int) {
	if depth == 0 {
		<-parent.Done()
		return
	}
	ctx, cancel := context.WithCancel(parent)
	for i := 0; i < 1; i++ {
		defer cancel()
	}
	descend(ctx, depth-1)
}

func fanOut(root context.Context, count int) {
	var group sync.WaitGroup
	defer group.Wait()
	for i := 0; i < count; i++ {
		ctx, cancel := context.WithTimeout(root, time.Hour)
		defer cancel()
		group.Add(1)
		go func() {
			defer group.Done()
			<-root.Done()
			ctx.Err()
		}()
	}
	group.Wait()
}

//go:noinline
func forget(root context.Context) {
	context.WithCancel(root) // LEAK:forget
}

func main() {
	goroutines := flag.Int("busy", 0, "goroutines that make and end contexts")
	growing := flag.Int("growing", 0, "goroutines that do so on new stacks, which grow")
	deferred := flag.Int("deferred", 0, "cancel functions deferred by a recursion and by a fan-out")
	lost := flag.Int("lost", 0, "contexts to lose")
	percent := flag.Int("gogc", 100, "as GOGC")
	flag.Parse()
	debug.SetGCPercent(*percent)
	root, end := context.WithCancel(context.Background())
	target.Ready()
	target.Commands(func(command string) {
		if command != "go" {
			return
		}
		go descend(root, *deferred)
		go fanOut(root, *deferred)
		for i := 0; i < *lost; i++ {
			forget(root)
		}
		runtime.GC()
		for i := 0; i < *goroutines; i++ {
			go busy(root)
		}
		for i := 0; i < *growing; i++ {
			go grow(root)
		}
	})
	target.Truth(truth{Lost: *lost})
	end()
}
