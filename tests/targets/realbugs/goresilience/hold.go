// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"targets/target"
)

type truth struct {
	Runs int  `json:"runs"`
	Live bool `json:"live"`
}

// main does the work at "go" and then stands still; "gc" collects, as a busy service would.
func main() {
	const runs = 2000
	told := truth{}
	root, end := context.WithCancel(context.Background())
	target.Ready()
	target.Commands(func(command string) {
		if command == "go" {
			work(root, runs)
			told.Runs += runs
		}
	})
	told.Live = root.Err() == nil
	target.Truth(told)
	end()
}
