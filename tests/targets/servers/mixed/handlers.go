// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"
)

// work is something that takes a while and minds its context.
func work(ctx context.Context, takes time.Duration) error {
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *server) group(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(3)
	for i := 0; i < 5; i++ {
		group.Go(func() error {
			if i%2 == 0 {
				return s.store.count(ctx)
			}
			return work(ctx, 2*time.Millisecond)
		})
	}
	s.answer(w, r, group.Wait())
}

var errExpected = errors.New("the first of a group fails")

// groupError: the first error cancels the others, who would take a minute.
func (s *server) groupError(w http.ResponseWriter, r *http.Request) {
	group, ctx := errgroup.WithContext(r.Context())
	for i := 0; i < 3; i++ {
		group.Go(func() error { return work(ctx, time.Minute) })
	}
	group.Go(func() error {
		if err := work(ctx, time.Millisecond); err != nil {
			return err
		}
		return errExpected
	})
	err := group.Wait()
	if errors.Is(err, errExpected) {
		err = nil
	}
	s.answer(w, r, err)
}

// flight works with the context of whoever came first; when that client goes away, the others fly again.
func (s *server) flight(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	for {
		landed := s.flights.DoChan("flight", func() (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			return nil, work(ctx, 30*time.Millisecond)
		})
		select {
		case <-ctx.Done():
			s.left.Add(1)
			return
		case result := <-landed:
			if errors.Is(result.Err, context.Canceled) && ctx.Err() == nil {
				continue
			}
			s.answer(w, r, result.Err)
			return
		}
	}
}

// flightDetached goes on for whoever still waits, and for the cache.
func (s *server) flightDetached(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	landed := s.flights.DoChan("detached", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := work(ctx, 2500*time.Millisecond)
		s.cached.Add(1)
		return nil, err
	})
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case <-wait.Done():
		s.answer(w, r, wait.Err())
	case result := <-landed:
		s.answer(w, r, result.Err)
	}
}

func (s *server) useSlot(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	if err := s.slots.Acquire(ctx, 2); err != nil {
		s.answer(w, r, err)
		return
	}
	defer s.slots.Release(2)
	s.answer(w, r, work(ctx, 3*time.Millisecond))
}

// hooks: one that is taken back, one that ends with the request, and the life of the server merged into the request's.
func (s *server) hooks(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	stop := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	defer stop()
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() { close(ended) })
	taken := context.AfterFunc(ctx, func() { s.fail("hooks", errors.New("a stopped hook ran")) })
	taken()
	err := work(ctx, time.Millisecond)
	cancel(nil)
	<-ended
	s.answer(w, r, err)
}

func (s *server) command(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	s.answer(w, r, exec.CommandContext(ctx, "true").Run())
}

// deadline runs into its own deadline and says so.
func (s *server) deadline(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
	defer cancel()
	err := work(ctx, time.Minute)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	s.answer(w, r, err)
}

// poll is a long poll: it takes seconds when nothing comes, and its deadline ends it.
func (s *server) poll(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 4*time.Second)
	defer cancel()
	never := make(chan struct{})
	select {
	case <-never:
	case <-ctx.Done():
	}
	s.answer(w, r, r.Context().Err())
}

// wait is for a client that goes away: it stops, tidies up with a deadline of its own, and returns.
func (s *server) wait(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	err := work(ctx, time.Minute)
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if work(tidy, 50*time.Millisecond) != nil {
		s.fail("wait", tidy.Err())
	}
	s.answer(w, r, err)
}

// inTime stands behind a TimeoutHandler.
func (s *server) inTime(w http.ResponseWriter, r *http.Request) {
	takes := 5 * time.Millisecond
	if r.URL.RawQuery == "slow" {
		takes = 3 * time.Second
	}
	s.answer(w, r, work(r.Context(), takes))
}

func proxyTo(backend string) http.Handler {
	to, err := url.Parse(backend)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, r *http.Request, err error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// behind is the server behind the proxy.
func (s *server) behind(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/events":
		s.events(w, r)
	case "/wait":
		s.wait(w, r)
	default:
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = work(r.Context(), 2*time.Millisecond)
		}
		fmt.Fprintf(w, "%d bytes\n", len(body))
		s.answer(w, r, err)
	}
}
