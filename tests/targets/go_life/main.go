// SPDX-License-Identifier: Apache-2.0

// go_life makes and ends contexts all the time, and forks or becomes another program when it is told to.
package main

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"targets/target"
)

type truth struct {
	Created int64 `json:"created"`
}

var created atomic.Int64

func pair(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, time.Minute)
	if ctx.Err() == nil {
		created.Add(1)
	}
	cancel()
}

func live(parent context.Context) {
	for range time.Tick(2 * time.Millisecond) {
		pair(parent)
	}
}

func main() {
	ctx, end := context.WithCancel(context.Background())
	go live(ctx)
	target.Ready()
	target.Commands(func(command string) {
		switch command {
		case "pairs 1": // as c_target's
			pair(ctx)
		case "fork":
			if err := exec.Command("/bin/true").Run(); err != nil {
				panic(err)
			}
		case "exec":
			panic(syscall.Exec("/bin/sleep", []string{"sleep", "60"}, os.Environ()))
		}
	})
	target.Truth(truth{Created: created.Load()})
	end()
}
