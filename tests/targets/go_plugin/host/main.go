// SPDX-License-Identifier: Apache-2.0

// host has a plugin open sessions, and keeps them until the end: nothing is lost.
package main

import (
	"context"
	"os"
	"plugin"
	"runtime"
	"time"

	"targets/target"
)

func main() {
	loaded, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	open, err := loaded.Lookup("Open")
	if err != nil {
		panic(err)
	}
	root, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < 100; i++ {
		open.(func(context.Context))(root)
	}
	go func() {
		for {
			runtime.GC()
			time.Sleep(100 * time.Millisecond)
		}
	}()
	target.Ready()
	target.Commands(func(string) {})
	target.Truth(struct{}{})
}
