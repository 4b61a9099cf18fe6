// SPDX-License-Identifier: Apache-2.0

// go_why cancels contexts and tells what for:
//
//	shared      three calls below one deadline of two seconds: one returns at once, two are at work when it passes
//	causes      cancel functions that are given a cause, of every kind of error (Go 1.20)
//	timeouts    deadlines with a cause, one that fires and one that is cancelled before (Go 1.21)
//	pairs N     make and cancel N contexts, without a cause
//	caused N    the same with one (Go 1.20)
//
// With "-run" it does the first three and ends. With "-profile FILE SECONDS" it calls a cancel function with a cause all
// the time and writes the profile: built with that, the cancel method is inlined into such functions.
package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"targets/target"
)

const timeout = 2 * time.Second

// More of them than the caps of a report could count wrong by one.
const rounds = 3

// Rounds of timeouts that were made again.
var doubtful int

//go:noinline
func quick(ctx context.Context) {
	_, cancel := context.WithCancel(ctx) // WHY:quick
	cancel()
}

//go:noinline
func slow(ctx context.Context, working *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour) // WHY:slow
	defer cancel()
	working.Done()
	<-ctx.Done()
}

// assemble asks for a deadline that ends two of its three calls.
//
//go:noinline
func assemble() {
	var working, calls sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // WHY:assemble
	defer cancel()
	quick(ctx)
	for i := 0; i < 2; i++ {
		working.Add(1)
		calls.Add(1)
		go func() { defer calls.Done(); slow(ctx, &working) }()
	}
	calls.Wait()
}

//go:noinline
func pairs(count int) {
	for i := 0; i < count; i++ {
		_, cancel := context.WithCancel(context.Background())
		cancel()
	}
}

func do(command string) {
	words := strings.Fields(command)
	switch words[0] {
	case "shared":
		assemble()
	case "causes":
		causes()
	case "timeouts":
		timeouts()
	case "pairs", "caused":
		count, err := strconv.Atoi(words[1])
		if err != nil {
			panic(err)
		}
		if words[0] == "pairs" {
			pairs(count)
		} else {
			caused(count)
		}
	}
}

func profile(file string, seconds time.Duration) {
	out, err := os.Create(file)
	if err != nil {
		panic(err)
	}
	runtime.SetCPUProfileRate(1000)
	pprof.StartCPUProfile(out)
	for until := time.Now().Add(seconds); time.Now().Before(until); {
		caused(10000)
	}
	pprof.StopCPUProfile()
	out.Close()
}

func tell() {
	target.Truth(struct {
		Doubtful int `json:"doubtful"`
	}{doubtful})
}

func main() {
	if len(os.Args) > 3 && os.Args[1] == "-profile" {
		seconds, err := time.ParseDuration(os.Args[3] + "s")
		if err != nil {
			panic(err)
		}
		profile(os.Args[2], seconds)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "-run" {
		do("shared")
		do("causes")
		do("timeouts")
		tell()
		return
	}
	target.Ready()
	target.Commands(do)
	tell()
}
