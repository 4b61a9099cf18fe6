// SPDX-License-Identifier: Apache-2.0

// census_leaks makes contexts of every fate in numbers it tells, collects twice, and waits until its standard input
// ends. One line of JSON on standard output is the truth a census must find, to the object.
//
// Arguments: a factor for the numbers in thousandths (1000 by default).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"
)

type truth struct {
	Pid      int    `json:"pid"`
	Go       string `json:"go"`
	Live     int    `json:"live"`
	Lost     int    `json:"lost"`      // children of the root, no cancel function
	LostTime int    `json:"lost_time"` // the same, with a timer
	Held     int    `json:"held"`
	HeldTime int    `json:"held_time"`
	Wrapped  int    `json:"wrapped"` // lost below four value contexts
	Deferred int    `json:"deferred"`
	Foreign  int    `json:"foreign"` // lost below a parent of the program's own type, watched by goroutines
	Todo     int    `json:"todo"`    // held roots under TODO
}

// impostor looks like a context in memory: its first word is one.
type impostor struct {
	context.Context
	padding [8]uint64
}

// own is a parent with a Done of its own: the library has to watch it.
type own struct {
	context.Context
	done chan struct{}
}

func (o *own) Done() <-chan struct{} { return o.done }

type key int

var (
	functions []func()
	impostors []*impostor
	collected = make(chan struct{})
	listed    = make(chan struct{})
)

func lose(root context.Context, n int) {
	for i := 0; i < n; i++ {
		context.WithCancel(root)
	}
}

func loseTimed(root context.Context, n int) {
	for i := 0; i < n; i++ {
		context.WithTimeout(root, time.Hour)
	}
}

func loseWrapped(root context.Context, n int) {
	for i := 0; i < n; i++ {
		wrapped := root
		for k := key(0); k < 4; k++ {
			wrapped = context.WithValue(wrapped, k, i)
		}
		context.WithCancel(wrapped)
	}
}

func loseForeign(root context.Context, n int) {
	parent := &own{root, make(chan struct{})}
	for i := 0; i < n; i++ {
		context.WithCancel(parent)
	}
}

func hold(root context.Context, n, timed, todo int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(root)
		functions = append(functions, cancel)
	}
	for i := 0; i < timed; i++ {
		_, cancel := context.WithTimeout(root, time.Hour)
		functions = append(functions, cancel)
	}
	for i := 0; i < todo; i++ {
		_, cancel := context.WithCancel(context.TODO())
		functions = append(functions, cancel)
	}
}

func endAll(root context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(root, time.Hour)
		cancel()
	}
}

func deferInLoop(root context.Context, n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(root)
		defer cancel()
	}
	listed <- struct{}{}
	<-collected
}

func impersonate(root context.Context, n int) {
	for i := 0; i < n; i++ {
		impostors = append(impostors, &impostor{Context: root})
	}
}

func main() {
	factor := 1000
	if len(os.Args) > 1 {
		factor, _ = strconv.Atoi(os.Args[1])
	}
	t := truth{Pid: os.Getpid(), Go: runtime.Version(), Lost: 20 * factor, LostTime: 5 * factor, Held: 4 * factor,
		HeldTime: 600 * factor / 1000, Wrapped: factor, Deferred: 200, Foreign: 30, Todo: 7}
	root, stop := context.WithCancel(context.Background())
	functions = append(functions, stop)
	lose(root, t.Lost)
	loseTimed(root, t.LostTime)
	hold(root, t.Held, t.HeldTime, t.Todo)
	endAll(root, 3*factor)
	lose(context.Background(), 7*factor) // nothing keeps them: collected
	loseWrapped(root, t.Wrapped)
	loseForeign(root, t.Foreign)
	impersonate(root, 50)
	go deferInLoop(root, t.Deferred)
	<-listed
	runtime.GC()
	runtime.GC()
	t.Live = 1 + t.Lost + t.LostTime + t.Held + t.HeldTime + t.Wrapped + t.Deferred + t.Foreign + t.Todo
	line, _ := json.Marshal(t)
	fmt.Println(string(line))
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(functions)
	runtime.KeepAlive(impostors)
	close(collected)
}
