// SPDX-License-Identifier: Apache-2.0

// go_pgo is correct code in the shapes that fool a reader of memory, most of all when the profile has made the compiler
// inline the creators. With -profile it runs hot and writes the profile, with -hot it does so without one and for ever;
// otherwise it stands still in every shape.
package main

import (
	"context"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"

	"targets/target"
)

type truth struct {
	Shapes map[string]int `json:"shapes"`
	Leaks  int            `json:"leaks"`
}

const each = 50

func hold(root context.Context, until <-chan struct{}, group *sync.WaitGroup) {
	for i := 0; i < each; i++ {
		for _, shape := range shapes {
			group.Add(1)
			go func(run func(context.Context, <-chan struct{})) {
				defer group.Done()
				run(root, until)
			}(shape.run)
		}
	}
}

func profile(file string, seconds float64) {
	out, err := os.Create(file)
	if err != nil {
		panic(err)
	}
	root, end := context.WithCancel(context.Background())
	defer end()
	// Time in the collector would dilute the calls that are to be hot.
	debug.SetGCPercent(1000)
	// The rate set first stays, with a complaint of StartCPUProfile's: at 100 Hz too many calls are seen once or never.
	runtime.SetCPUProfileRate(1000)
	pprof.StartCPUProfile(out)
	for until := time.Now().Add(time.Duration(seconds * float64(time.Second))); time.Now().Before(until); {
		runHot(root)
	}
	pprof.StopCPUProfile()
	out.Close()
}

func runHot(root context.Context) {
	for _, shape := range shapes {
		for i := 0; i < 200 && shape.name != "blocked-timeout"; i++ {
			shape.run(root, nil)
		}
	}
	forget()
}

func stayHot() {
	root, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		for root.Err() == nil {
			runHot(root)
		}
	}()
	target.Ready()
	target.Commands(func(string) {})
	target.Truth(truth{})
}

func main() {
	file := flag.String("profile", "", "run hot and write a CPU profile here")
	seconds := flag.Float64("seconds", 3, "of the profile")
	isHot := flag.Bool("hot", false, "run hot until the end")
	flag.Parse()
	if *file != "" {
		profile(*file, *seconds)
		return
	}
	if *isHot {
		stayHot()
		return
	}
	root, end := context.WithCancel(context.Background())
	until := make(chan struct{})
	var group sync.WaitGroup
	told := truth{Shapes: map[string]int{}}
	target.Ready()
	target.Commands(func(command string) {
		if command != "go" {
			return
		}
		hold(root, until, &group)
		wrapAll(root)
		for _, shape := range shapes {
			told.Shapes[shape.name] += each
		}
	})
	target.Truth(told)
	close(until)
	end()
	group.Wait()
}
