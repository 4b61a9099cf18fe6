// SPDX-License-Identifier: Apache-2.0

// go_held is a table of idle connections: contexts whose makers have ended, their cancel functions held in a map.
// "go" makes them, "drop" forgets the map without calling any, "close" calls them all.
package main

import (
	"context"
	"flag"
	"sync"

	"targets/target"
)

type truth struct {
	Created int `json:"created"`
	Held    int `json:"held"`
}

var (
	idle  sync.Mutex
	table = map[int]context.CancelFunc{}
)

//go:noinline
func acceptConnection(listener context.Context, id int) {
	_, cancel := context.WithCancel(listener) // LEAK:accept
	idle.Lock()
	defer idle.Unlock()
	table[id] = cancel
}

func acceptAll(listener context.Context, count int) {
	var group sync.WaitGroup
	for id := 0; id < count; id++ {
		group.Add(1)
		go func(id int) {
			defer group.Done()
			acceptConnection(listener, id)
		}(id)
	}
	group.Wait()
}

func main() {
	count := flag.Int("count", 10000, "connections")
	flag.Parse()
	listener, end := context.WithCancel(context.Background())
	made := 0
	target.Ready()
	target.Commands(func(command string) {
		switch command {
		case "go":
			acceptAll(listener, *count)
			made += *count
		case "drop":
			table = nil
		case "close":
			for id, cancel := range table {
				cancel()
				delete(table, id)
			}
		}
	})
	target.Truth(truth{Created: made, Held: len(table)})
	end()
}
