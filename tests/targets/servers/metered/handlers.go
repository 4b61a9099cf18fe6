// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"targets/target"
)

type shop struct {
	life      context.Context // until the program ends
	isLeaking bool

	requests, subscribed, lookedUp target.Counter
}

// oneIn is true once in n times, in a shop that does it wrong.
func (s *shop) oneIn(n int) bool {
	return s.isLeaking && rand.IntN(n) == 0
}

func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pay(ctx)
	}()
	if s.oneIn(4) {
		s.subscribe()
	}
	if s.oneIn(40) {
		go mail(ctx)
	}
	<-done
	io.WriteString(w, "paid\n")
}

// mail goes on after the request that it was for.
func mail(ctx context.Context) {
	time.Sleep(3 * time.Second)
	_ = ctx.Err()
}

// subscribe loses a cancel function: the shop's life keeps the context for as long as the shop lives.
func (s *shop) subscribe() {
	ctx, _ := context.WithCancel(s.life)
	s.subscribed.Add(1)
	_ = ctx.Err()
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if s.oneIn(10) {
		s.lookUp()
	}
	s.suggest(ctx)
	io.WriteString(w, "found\n")
}

// lookUp loses a cancel function and a timer: it takes an hour until it fires.
func (s *shop) lookUp() {
	ctx, _ := context.WithTimeout(s.life, time.Hour)
	s.lookedUp.Add(1)
	_ = ctx.Err()
}

// suggest may give up; in a shop that does it wrong it often has to.
func (s *shop) suggest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	slow := 10 * time.Millisecond
	if s.oneIn(3) {
		slow = time.Second
	}
	sleep(ctx, slow)
}

// preview waits for a painter that does not look at its context: its customers go away after a moment.
func (s *shop) preview(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	painted := make(chan struct{})
	go func() {
		defer close(painted)
		paint(ctx, s.isLeaking)
	}()
	<-painted
	io.WriteString(w, "painted\n")
}

func paint(ctx context.Context, isDeaf bool) {
	if isDeaf {
		time.Sleep(4 * time.Second)
	}
	sleep(ctx, time.Second)
}

// export takes its time, and in a shop that does it wrong nothing would end it.
func (s *shop) export(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	ctx := r.Context()
	if !s.isLeaking {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Minute)
		defer cancel()
	}
	written := make(chan struct{})
	defer time.AfterFunc(6*time.Second, func() { close(written) }).Stop() // somebody else's work
	select {
	case <-ctx.Done():
	case <-written:
	}
	io.WriteString(w, "exported\n")
}

func pay(ctx context.Context) {
	sleep(ctx, 2*time.Millisecond)
}

func sleep(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
