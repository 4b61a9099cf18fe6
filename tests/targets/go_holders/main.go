// SPDX-License-Identifier: Apache-2.0

// go_holders keeps cancel functions in every place a program keeps things, has goroutines wait for contexts of every
// fate, collects twice, tells the truth in one line of JSON, and waits until its standard input ends.
//
// -idle N: so many more goroutines that only wait.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

type truth struct {
	Pid             int    `json:"pid"`
	Go              string `json:"go"`
	InMap           int    `json:"in_map"`     // a map in a global
	InSlice         int    `json:"in_slice"`   // a slice in a global
	InChannel       int    `json:"in_channel"` // the buffer of a channel in a global
	InStruct        int    `json:"in_struct"`  // a list in a struct that a goroutine's stack holds
	InClosure       int    `json:"in_closure"` // captured by a function in a global
	Deferred        int    `json:"deferred"`   // one deferred call in each of as many goroutines
	DeferList       int    `json:"defer_list"` // as many deferred calls of one function, so they are on a list
	WaitLost        int    `json:"wait_lost"`
	WaitLive        int    `json:"wait_live"`
	IgnoreCancelled int    `json:"ignore_cancelled"`
	Sleeping        int    `json:"sleeping"`
	Idle            int    `json:"idle"`
}

// service is reached from a stack only.
type service struct {
	name string
	jobs []*job
}

type job struct {
	id     int
	cancel context.CancelFunc
}

var (
	pending  = map[string]context.CancelFunc{}
	queue    []context.CancelFunc
	channel  = make(chan context.CancelFunc, 64)
	shutdown []func()
	roots    []context.CancelFunc

	never   = make(chan struct{})
	waiting = make(chan struct{})
)

// root makes a parent of its own for each place, so that reports keep them apart.
func root() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	roots = append(roots, cancel)
	return ctx
}

//go:noinline
func holdInMap(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		pending[fmt.Sprint("request ", i)] = cancel
	}
}

//go:noinline
func holdInSlice(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		queue = append(queue, cancel)
	}
}

//go:noinline
func holdInChannel(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		channel <- cancel
	}
}

//go:noinline
func holdInClosure(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		shutdown = append(shutdown, func() {
			fmt.Println("closing")
			cancel()
		})
	}
}

//go:noinline
func (s *service) fill(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		s.jobs = append(s.jobs, &job{i, cancel})
	}
}

func serve(parent context.Context, n int) {
	s := &service{name: "held by a stack"}
	s.fill(parent, n)
	waiting <- struct{}{}
	<-never
	fmt.Println(s.name, len(s.jobs))
}

func deferring(parent context.Context) {
	_, cancel := context.WithCancel(parent)
	defer cancel()
	waiting <- struct{}{}
	<-never
}

// deferringAll defers in a loop, half of them inside functions of its own.
func deferringAll(parent context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		if i%2 == 0 {
			defer cancel()
		} else {
			defer func() { fmt.Println("leaving"); cancel() }()
		}
	}
	waiting <- struct{}{}
	<-never
}

//go:noinline
func lose(parent context.Context) context.Context {
	ctx, _ := context.WithCancel(parent)
	return ctx
}

func waitFor(ctx context.Context) {
	waiting <- struct{}{}
	<-ctx.Done()
}

func waitLost(ctx context.Context) {
	waiting <- struct{}{}
	select {
	case <-ctx.Done():
	case <-never:
	}
}

// ignore goes on after its context was cancelled: it waits for something else.
func ignore(ctx context.Context) {
	waiting <- struct{}{}
	<-never
	fmt.Println(ctx.Err())
}

func sleeper() {
	waiting <- struct{}{}
	time.Sleep(time.Hour)
}

func idle() {
	waiting <- struct{}{}
	<-never
}

func start(n int, f func()) {
	for i := 0; i < n; i++ {
		go f()
	}
	for i := 0; i < n; i++ {
		<-waiting
	}
}

func startIdle(n int) {
	for i := 0; i < n; i++ {
		go idle()
	}
	for i := 0; i < n; i++ {
		<-waiting
	}
}

func main() {
	t := truth{Pid: os.Getpid(), Go: runtime.Version(), InMap: 2000, InSlice: 300, InChannel: 40, InStruct: 120,
		InClosure: 30, Deferred: 25, DeferList: 14, WaitLost: 50, WaitLive: 35, IgnoreCancelled: 15, Sleeping: 7}
	flag.IntVar(&t.Idle, "idle", 0, "goroutines that only wait")
	flag.Parse()
	holdInMap(root(), t.InMap)
	holdInSlice(root(), t.InSlice)
	holdInChannel(root(), t.InChannel)
	holdInClosure(root(), t.InClosure)
	structs, deferred, list, lost, live := root(), root(), root(), lose(root()), root()
	start(1, func() { serve(structs, t.InStruct) })
	start(t.Deferred, func() { deferring(deferred) })
	start(1, func() { deferringAll(list, t.DeferList) })
	start(t.WaitLost, func() { waitLost(lost) })
	start(t.WaitLive, func() { waitFor(live) })
	cancelled, cancel := context.WithCancel(root())
	start(t.IgnoreCancelled, func() { ignore(cancelled) })
	cancel()
	start(t.Sleeping, sleeper)
	startIdle(t.Idle)
	runtime.GC()
	runtime.GC()
	line, _ := json.Marshal(t)
	fmt.Println(string(line))
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(lost)
}
