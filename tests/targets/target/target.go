// SPDX-License-Identifier: Apache-2.0

// Package target is what every traced program has in common: it says when it is ready, takes commands line by line
// on standard input, and tells at its end, as one line of JSON, what really happened.
package target

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

var out sync.Mutex

// Say prints one line; lines of several goroutines do not mix.
func Say(format string, args ...interface{}) {
	out.Lock()
	defer out.Unlock()
	fmt.Printf(format+"\n", args...)
}

var signals = make(chan os.Signal, 1)

// Ready tells the harness that an attach may begin. From here on SIGTERM is for Commands: the harness may stop the
// program right after this line.
func Ready() {
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	Say("ready %d", os.Getpid())
}

// Truth prints the ground truth.
func Truth(truth interface{}) {
	line, err := json.Marshal(truth)
	if err != nil {
		panic(err)
	}
	Say("%s", line)
}

// Commands runs do for each line of standard input and answers "ok LINE" when it is done. It returns at "end", at the
// end of the input and at SIGTERM. "gc" is known to every program: two collections.
func Commands(do func(command string)) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- strings.TrimSpace(in.Text())
		}
	}()
	for {
		select {
		case <-signals:
			return
		case line, ok := <-lines:
			if !ok || line == "end" {
				return
			}
			if line == "gc" {
				runtime.GC()
				runtime.GC()
			} else {
				do(line)
			}
			Say("ok %s", line)
		}
	}
}

// Counter is atomic.Int64, which Go before 1.19 does not have.
type Counter struct{ value int64 }

// Add changes the value and returns it.
func (c *Counter) Add(n int64) int64 { return atomic.AddInt64(&c.value, n) }

// Load returns the value.
func (c *Counter) Load() int64 { return atomic.LoadInt64(&c.value) }
