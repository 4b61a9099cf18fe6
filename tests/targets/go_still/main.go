// SPDX-License-Identifier: Apache-2.0

// go_still holds cancel functions in a map whose entries never rest: goroutines swap them, copy them into new structs and
// replace the map. Some more contexts are lost. Nobody collects unless GOGC says so, so only a reading of the stopped
// program can tell the held from the lost.
package main

import (
	"context"
	"flag"
	"math/rand"
	"sync"
	"time"

	"targets/target"
)

type truth struct {
	Held     int   `json:"held"`
	Lost     int   `json:"lost"`
	LostTime int   `json:"lost_time"`
	Moves    int64 `json:"moves"`
}

// connection is what a server keeps for each of its clients.
type connection struct {
	ctx    context.Context
	cancel context.CancelFunc
	buffer []byte
}

// tree makes a heap in which there is something to follow.
type tree struct {
	left, right *tree
	value       *int
}

type pool struct {
	mutex       sync.Mutex
	connections map[int]*connection
	moves       target.Counter
	ballast     *tree
	allocates   bool
}

func grow(depth int) *tree {
	if depth == 0 {
		value := depth
		return &tree{value: &value}
	}
	return &tree{left: grow(depth - 1), right: grow(depth - 1)}
}

func (p *pool) replaceMap() {
	fresh := make(map[int]*connection, len(p.connections))
	for key, value := range p.connections {
		fresh[key] = value
	}
	p.connections = fresh
}

// step moves what the map holds; what it holds stays the same.
func (p *pool) step(random *rand.Rand) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	a, b, c := random.Intn(len(p.connections)), random.Intn(len(p.connections)), random.Intn(len(p.connections))
	p.connections[a], p.connections[b] = p.connections[b], p.connections[a]
	p.moves.Add(1)
	if !p.allocates {
		return
	}
	old := p.connections[c]
	p.connections[c] = &connection{ctx: old.ctx, cancel: old.cancel, buffer: make([]byte, 256)}
	if random.Intn(20000) == 0 {
		p.replaceMap()
	}
}

func (p *pool) move(root context.Context, seed int64) {
	for random := rand.New(rand.NewSource(seed)); root.Err() == nil; {
		p.step(random)
	}
}

//go:noinline
func lose(root context.Context, count, timed int) {
	for i := 0; i < count; i++ {
		context.WithCancel(root)
	}
	for i := 0; i < timed; i++ {
		context.WithTimeout(root, time.Hour)
	}
}

func main() {
	t := truth{}
	flag.IntVar(&t.Held, "held", 10000, "contexts whose cancel functions are in the map")
	flag.IntVar(&t.Lost, "lost", 5000, "lost contexts")
	flag.IntVar(&t.LostTime, "lost-time", 0, "lost contexts with a timer")
	movers := flag.Int("movers", 2, "goroutines that move things")
	depth := flag.Int("depth", 17, "of the ballast")
	allocates := flag.Bool("allocates", true, "moving allocates; without collections memory grows by that")
	flag.Parse()

	root, stop := context.WithCancel(context.Background())
	p := &pool{connections: make(map[int]*connection), ballast: grow(*depth), allocates: *allocates}
	for i := 0; i < t.Held; i++ {
		ctx, cancel := context.WithCancel(root)
		p.connections[i] = &connection{ctx: ctx, cancel: cancel, buffer: make([]byte, 256)}
	}
	lose(root, t.Lost, t.LostTime)
	for i := 0; i < *movers; i++ {
		go p.move(root, int64(i))
	}
	target.Ready()
	target.Commands(func(string) {})
	t.Moves = p.moves.Load()
	stop()
	target.Truth(t)
	if p.ballast == nil {
		panic("unreachable")
	}
}
