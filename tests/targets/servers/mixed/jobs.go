// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	workers  = 4
	jobTakes = 2500 * time.Millisecond // much longer than the request that starts it
	jobLimit = 20 * time.Second
)

// pool is started by the first job that anybody has for it; its workers hold nothing of that.
type pool struct {
	once sync.Once
	jobs chan func()
}

func (p *pool) start() {
	p.jobs = make(chan func())
	for i := 0; i < workers; i++ {
		go func() {
			for job := range p.jobs {
				job()
			}
		}()
	}
}

// close ends the workers, if there are any; nobody has jobs any more.
func (p *pool) close() {
	p.once.Do(func() { p.jobs = make(chan func()) })
	close(p.jobs)
}

func (s *server) usePool(w http.ResponseWriter, r *http.Request) {
	s.pool.once.Do(s.pool.start)
	done := make(chan error, 1)
	job := func() {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		done <- work(ctx, 2*time.Millisecond)
	}
	select {
	case s.pool.jobs <- job:
		s.answer(w, r, <-done)
	case <-r.Context().Done():
		s.left.Add(1)
	}
}

// crew is a pool whose workers are started with their first job and then wait for more.
type crew struct {
	mutex sync.Mutex
	size  int
	tasks chan task
	quit  <-chan struct{}
}

type task struct {
	ctx  context.Context
	done chan error
}

func (c *crew) do(t task) error {
	c.mutex.Lock()
	isNew := c.size < workers
	if isNew {
		c.size++
	}
	c.mutex.Unlock()
	if isNew {
		go c.work(t)
	} else {
		select {
		case c.tasks <- t:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
	return <-t.done
}

func (c *crew) work(t task) {
	for {
		ctx, cancel := context.WithTimeout(t.ctx, 10*time.Second)
		t.done <- work(ctx, 2*time.Millisecond)
		cancel()
		t = task{}
		select {
		case <-c.quit:
			return
		case t = <-c.tasks:
		}
	}
}

func (s *server) useCrew(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, s.crew.do(task{r.Context(), make(chan error, 1)}))
}

// job is done after the response.
func (s *server) job(ctx context.Context) {
	if err := work(ctx, jobTakes); err != nil {
		s.fail("job", err)
		return
	}
	if err := s.store.add(ctx, "job"); err != nil {
		s.fail("job", err)
		return
	}
	s.jobs.Add(1)
}

// detached hands its job a context that is detached already.
func (s *server) detached(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), jobLimit)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer cancel()
		s.job(ctx)
	}()
	s.answer(w, r, nil)
}

// detachedInside lets the job itself detach from the request's context.
func (s *server) detachedInside(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	s.running.Add(1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobLimit)
		defer cancel()
		defer s.running.Done()
		s.job(ctx)
	}()
	s.answer(w, r, nil)
}

// detachedRequest does the same and is given the request.
func (s *server) detachedRequest(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), jobLimit)
		defer cancel()
		s.job(ctx)
	}()
	s.answer(w, r, nil)
}

// detachedNamed has the request's context for its values, and a detached one for what it does.
func (s *server) detachedNamed(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobLimit)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if name, _ := ctx.Value(nameKey{}).(string); name == "" {
			s.fail("job", context.Cause(ctx))
		}
		defer cancel()
		s.job(own)
	}()
	s.answer(w, r, nil)
}

// audit leaves a goroutine that is soon done, or sooner when its context is.
func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	go func(ctx context.Context) {
		defer s.running.Done()
		work(ctx, 20*time.Millisecond)
	}(r.Context())
	s.answer(w, r, nil)
}

// refresh is a loop of the program's own.
func (s *server) refresh(ctx context.Context) {
	if err := s.store.count(ctx); err != nil && s.life.Err() == nil {
		s.fail("refresh", err)
	}
	s.cached.Add(1)
}
