// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"
)

// What a service keeps: records in maps, with strings, lists and callbacks, and buffers without pointers.
type (
	record struct {
		name  string
		any   any
		next  *record
		tags  []*tag
		bytes []byte
	}
	tag struct {
		key, value string
	}
	// call looks like a context in memory: its first word is one.
	call struct {
		context.Context
		request *record
		done    func() bool
		_       [5]uint64
	}
	shard struct {
		byName map[string]*record
		byID   map[int]*call
		lists  [][]*record
	}
	heap struct {
		shards []*shard
	}
)

const (
	shardBytes = 21 << 20 // about
	perShard   = 24000
)

// fill makes shards until the heap has this size.
func fill(bytes uint64, c *contexts) *heap {
	h := &heap{}
	shards := int(bytes/shardBytes) + 1
	for i := 0; i < shards; i++ {
		h.shards = append(h.shards, newShard(c.root))
		c.few(shards - i)
	}
	return h
}

func newShard(root context.Context) *shard {
	s := &shard{byName: map[string]*record{}, byID: map[int]*call{}}
	var previous *record
	var list []*record
	for i := 0; i < perShard; i++ {
		r := newRecord(i, previous)
		s.byName[r.name] = r
		list = append(list, r)
		if i%8 == 0 {
			s.byID[i] = &call{Context: root, request: r, done: func() bool { return r.next == nil }}
			previous = r
		}
		if len(list) == 100 {
			s.lists = append(s.lists, list)
			list = nil
		}
	}
	return s
}

func newRecord(i int, next *record) *record {
	r := &record{name: "record-" + strconv.Itoa(i), next: next}
	switch i % 4 {
	case 0:
		r.any = &tag{r.name, "pointer"}
	case 1:
		r.any = i
	case 2:
		r.any = []string{r.name, "list"}
	}
	for k := 0; k < 3; k++ {
		r.tags = append(r.tags, &tag{"key", r.name})
	}
	r.bytes = make([]byte, 200+i%500)
	if i%400 == 0 {
		r.bytes = make([]byte, 32<<10)
	}
	for at := 0; at < len(r.bytes); at += 4096 {
		r.bytes[at] = 1 // memory that was never written is not there
	}
	return r
}

// worker allocates and touches the heap; nothing but the census and the collector disturbs it.
type worker struct {
	heap       *heap
	operations atomic.Int64
	longest    atomic.Int64 // nanoseconds between two looks at the clock
	asked      time.Time
	last       int64
	keep       [4096]*record
}

const opsPerLook = 16

func (w *worker) work() {
	last := time.Now()
	for i := 0; ; i++ {
		s := w.heap.shards[i*7919%len(w.heap.shards)]
		list := s.lists[i*104729%len(s.lists)]
		r := newRecord(i%perShard, nil)
		r.bytes[0] = list[i%len(list)].bytes[0] + 1
		w.keep[i%len(w.keep)] = r
		if i%opsPerLook != 0 {
			continue
		}
		w.operations.Add(opsPerLook)
		now := time.Now()
		if took := int64(now.Sub(last)); took > w.longest.Load() {
			w.longest.Store(took)
		}
		last = now
	}
}

func (w *worker) ask() progress {
	now, done := time.Now(), w.operations.Load()
	said := progress{Operations: done - w.last, LongestMS: float64(w.longest.Swap(0)) / 1e6}
	if !w.asked.IsZero() {
		said.Seconds = now.Sub(w.asked).Seconds()
	}
	w.asked, w.last = now, done
	return said
}
