// SPDX-License-Identifier: Apache-2.0

// go_counts knows exactly how many contexts it makes and how each one ends. It starts at "go", so that nothing is made
// before an attach is complete, and adds up by construction: each scenario says what it has made.
package main

import (
	"flag"
	"sync"

	"targets/target"
)

// counts has the names of the report. What is live at the end was made and has not ended.
type counts struct {
	Created      int64            `json:"created"`
	Kinds        map[string]int64 `json:"kinds"`
	Explicit     int64            `json:"explicit"`
	Deadline     int64            `json:"deadline"`
	Parent       int64            `json:"parent"`
	CancelCalled int64            `json:"cancel_called"`
	Live         int64            `json:"live"`
	Exact        bool             `json:"exact"`
	Scenarios    map[string]int64 `json:"scenarios"`
}

// made is what one run of one scenario adds.
type made struct {
	cancel, deadline, afterFunc                  int64 // kinds
	explicit, byDeadline, byParent, cancelCalled int64 // ends
}

var (
	adding sync.Mutex
	total  = counts{Kinds: map[string]int64{}, Scenarios: map[string]int64{}, Exact: true}
)

func add(name string, m made) {
	adding.Lock()
	defer adding.Unlock()
	created := m.cancel + m.deadline + m.afterFunc
	total.Created += created
	total.Kinds["cancel"] += m.cancel
	total.Kinds["deadline"] += m.deadline
	if m.afterFunc > 0 {
		total.Kinds["after_func"] += m.afterFunc // only where the release has it
	}
	total.Explicit += m.explicit
	total.Deadline += m.byDeadline
	total.Parent += m.byParent
	total.CancelCalled += m.cancelCalled
	total.Live += created - m.explicit - m.byDeadline - m.byParent
	total.Scenarios[name]++
}

// runAll runs every scenario `rounds` times on each of `workers` goroutines.
func runAll(rounds, workers int, only string) {
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < rounds; round++ {
				for _, s := range append(scenarios[:len(scenarios):len(scenarios)], newer...) {
					if only == "" || only == s.name {
						add(s.name, s.run())
					}
				}
			}
		}()
	}
	group.Wait()
}

func main() {
	rounds := flag.Int("rounds", 50, "runs of each scenario on each worker")
	workers := flag.Int("workers", 4, "goroutines")
	only := flag.String("only", "", "one scenario alone, by its name")
	flag.Parse()
	target.Ready()
	target.Commands(func(command string) {
		if command == "go" {
			runAll(*rounds, *workers, *only)
		}
	})
	adding.Lock()
	defer adding.Unlock()
	target.Truth(total)
}
