// SPDX-License-Identifier: Apache-2.0

// go_ends makes some contexts, never collects, and ends at once in the way it is told:
//
//	go_ends exit|exit0|exit1|return|panic|term|kill|nil|wait leak|held
//
// With "leak" 30 of them are lost; with "held" somebody holds every cancel function.
package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

const count = 30

var held []context.CancelFunc

//go:noinline
func lose(root context.Context) {
	for i := 0; i < count; i++ {
		context.WithCancel(root) // LEAK:lose
	}
}

//go:noinline
func hold(root context.Context) {
	for i := 0; i < count; i++ {
		_, cancel := context.WithTimeout(root, time.Hour)
		held = append(held, cancel)
	}
}

// wait is a goroutine in the middle of its work when the program ends.
func wait(root context.Context, ready chan<- bool) {
	ctx, cancel := context.WithCancel(root)
	defer cancel()
	ready <- true
	<-ctx.Done()
}

func end(how string) {
	switch how {
	case "exit":
		os.Exit(3)
	case "exit0":
		os.Exit(0)
	case "exit1":
		os.Exit(1)
	case "panic":
		panic("as told")
	case "term":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Minute)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "wait":
		fmt.Println("ready", os.Getpid())
		time.Sleep(time.Minute)
	case "nil":
		var nothing *int
		*nothing = 1
	}
}

func main() {
	root, stop := context.WithCancel(context.Background())
	held = append(held, stop) // and it is not called: what is below lives until the very end
	ready := make(chan bool)
	for i := 0; i < 5; i++ {
		go wait(root, ready)
		<-ready
	}
	hold(root)
	if os.Args[2] == "leak" {
		lose(root)
	}
	end(os.Args[1])
}
