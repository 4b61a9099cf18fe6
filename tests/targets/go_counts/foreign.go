// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"time"
)

// embedder only embeds: package context sees through it.
type embedder struct{ context.Context }

func embedding() made {
	parent, cancelParent := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(embedder{parent})
	_, cancelTimer := context.WithTimeout(&embedder{ctx}, time.Hour)
	cancelParent()
	cancel()
	cancelTimer()
	return made{cancel: 2, deadline: 1, explicit: 1, byParent: 2, cancelCalled: 2}
}

// signalled has a Done channel of its own: package context must watch it with a goroutine.
type signalled struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

func newSignalled() *signalled {
	return &signalled{Context: context.Background(), done: make(chan struct{})}
}

func (s *signalled) Done() <-chan struct{} { return s.done }

func (s *signalled) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *signalled) end() {
	s.mu.Lock()
	s.err = context.Canceled
	s.mu.Unlock()
	close(s.done)
}

func foreign() made {
	parent := newSignalled()
	ctx, cancel := context.WithCancel(parent)
	_, cancelEarly := context.WithCancel(parent)
	cancelEarly()
	parent.end()
	<-ctx.Done()
	cancel()
	return made{cancel: 2, explicit: 1, byParent: 1, cancelCalled: 1}
}
