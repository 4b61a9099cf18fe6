// SPDX-License-Identifier: Apache-2.0

// go_heap is a large heap as services have them, with contexts of known fates in between, and one worker that allocates
// and looks around in it all the time. What the worker gets done tells how much a census disturbs.
package main

import (
	"context"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"targets/target"
)

type truth struct {
	HeapBytes uint64 `json:"heap_bytes"`
	RSSBytes  uint64 `json:"rss_bytes"`
	Live      int    `json:"live"`
	Lost      int    `json:"lost"`
	LostTime  int    `json:"lost_time"`
	Held      int    `json:"held"`
}

// progress is what the worker has done since it was asked last.
type progress struct {
	Operations int64   `json:"operations"`
	Seconds    float64 `json:"seconds"`
	LongestMS  float64 `json:"longest_ms"` // without any
}

func main() {
	megabytes := flag.Int("mb", 100, "of the heap")
	lost := flag.Int("lost", 1000, "contexts to lose without a timer; half as many with one, twice as many are held")
	isBusy := flag.Bool("busy", false, "run the worker")
	flag.Parse()

	debug.SetGCPercent(50)
	c := newContexts(*lost)
	h := fill(uint64(*megabytes)<<20, c)
	runtime.GC()
	runtime.GC()
	debug.SetGCPercent(25)
	told := c.truth()
	told.HeapBytes, told.RSSBytes = memory()
	w := &worker{heap: h}
	if *isBusy {
		go w.work()
	}
	target.Ready()
	target.Commands(func(command string) {
		switch command {
		case "truth":
			target.Truth(told)
		case "progress":
			target.Truth(w.ask())
		}
	})
	target.Truth(told)
	runtime.KeepAlive(c)
}

func memory() (heap, resident uint64) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return stats.HeapAlloc, 0
	}
	pages, _ := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	return stats.HeapAlloc, pages * uint64(os.Getpagesize())
}

// contexts are made a few at a time, so that they lie all over the heap.
type contexts struct {
	root    context.Context
	left    int
	told    truth
	cancels []context.CancelFunc
}

func newContexts(lost int) *contexts {
	root, end := context.WithCancel(context.Background())
	return &contexts{root: root, left: lost, cancels: []context.CancelFunc{end}, told: truth{Live: 1, Held: 1}}
}

func (c *contexts) truth() truth { return c.told }

// few makes those of the parts'th part of the heap.
func (c *contexts) few(parts int) {
	n := (c.left + parts - 1) / parts
	c.left -= n
	for i := 0; i < n; i++ {
		context.WithCancel(c.root)
		c.hold(context.WithCancel(c.root))
		c.hold(context.WithTimeout(c.root, 24*time.Hour))
		if i%2 == 0 {
			context.WithTimeout(c.root, 24*time.Hour)
			c.told.LostTime++
			c.told.Live++
		}
	}
	c.told.Lost += n
	c.told.Held += 2 * n
	c.told.Live += 3 * n
}

func (c *contexts) hold(_ context.Context, cancel context.CancelFunc) {
	c.cancels = append(c.cancels, cancel)
}
