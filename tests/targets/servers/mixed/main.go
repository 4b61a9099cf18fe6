// SPDX-License-Identifier: Apache-2.0

// mixed is a correct server and its clients in one process. It does what looks like a leak or a misbehaving request and
// is none: groups of goroutines, shared flights, pools started by a request, jobs that outlive their request on
// purpose, streams and sockets that stay open, clients that go away. The command "late" starts what shall begin while
// somebody watches: the pools, and as many streams again.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"targets/target"
)

type truth struct {
	Requests    int64            `json:"requests"`     // handlers that were called
	Answered    map[string]int64 `json:"answered"`     // visits of clients that ended as they should
	Left        int64            `json:"left"`         // handlers that returned because their client had gone
	Jobs        int64            `json:"jobs"`         // detached ones that were done
	OpenStreams int64            `json:"open_streams"` // at the end: events, sockets and raw connections
	Errors      int64            `json:"errors"`
}

type server struct {
	life     context.Context // of the program: cancelled when it shuts down
	store    *store
	hub      hub
	flights  singleflight.Group
	slots    *semaphore.Weighted
	pool     pool
	crew     crew
	cached   atomic.Int64
	requests atomic.Int64
	left     atomic.Int64
	jobs     atomic.Int64
	open     atomic.Int64
	errors   atomic.Int64
	running  sync.WaitGroup // what goes on behind the requests
}

// fail counts what should not have happened.
func (s *server) fail(what string, err error) {
	s.errors.Add(1)
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
}

// answer ends a handler: an error of a request whose client has gone is none.
func (s *server) answer(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
		io.WriteString(w, "done\n")
	case r.Context().Err() != nil:
		s.left.Add(1)
	default:
		s.fail(r.URL.Path, err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *server) routes(backend string) http.Handler {
	mux := http.NewServeMux()
	for path, handle := range map[string]http.HandlerFunc{
		"/group": s.group, "/group-error": s.groupError, "/flight": s.flight, "/flight-detached": s.flightDetached,
		"/slots": s.useSlot, "/pool": s.usePool, "/crew": s.useCrew, "/hooks": s.hooks, "/command": s.command,
		"/deadline": s.deadline, "/poll": s.poll, "/wait": s.wait,
		"/query": s.query, "/write": s.write, "/prepared": s.prepared, "/slow-query": s.slowQuery,
		"/detached": s.detached, "/detached-inside": s.detachedInside, "/detached-request": s.detachedRequest,
		"/detached-named": s.detachedNamed, "/audit": s.audit,
		"/events": s.events, "/socket": s.socket, "/socket-short": s.socketShort, "/raw": s.raw,
	} {
		mux.HandleFunc(path, handle)
	}
	mux.Handle("/in-time", http.TimeoutHandler(http.HandlerFunc(s.inTime), time.Minute, "too late"))
	mux.Handle("/proxy/", http.StripPrefix("/proxy", proxyTo(backend)))
	return s.count(mux)
}

// statusWriter is what a middleware makes of the writer; Unwrap leads to the flusher and the hijacker.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type nameKey struct{}

// count is the middleware: it names each request in a value of its context.
func (s *server) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := fmt.Sprintf("request %d", s.requests.Add(1))
		next.ServeHTTP(&statusWriter{ResponseWriter: w}, r.WithContext(context.WithValue(r.Context(), nameKey{}, name)))
	})
}

// every runs do again and again while the server lives.
func (s *server) every(period time.Duration, do func(ctx context.Context)) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-s.life.Done():
				return
			case <-ticker.C:
				ctx, cancel := context.WithTimeout(s.life, 10*time.Second)
				do(ctx)
				cancel()
			}
		}
	}()
}

func start(handler http.Handler, isHTTP2 bool) *httptest.Server {
	web := httptest.NewUnstartedServer(handler)
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that break off
	web.EnableHTTP2 = isHTTP2
	if isHTTP2 {
		web.StartTLS()
	} else {
		web.Start()
	}
	return web
}

func main() {
	life, end := context.WithCancel(context.Background())
	s := &server{life: life, store: openStore(life), slots: semaphore.NewWeighted(4)}
	s.crew = crew{tasks: make(chan task), quit: life.Done()}
	s.hub.listeners = map[chan int64]bool{}
	s.every(100*time.Millisecond, func(context.Context) { s.hub.tell() })
	s.every(200*time.Millisecond, func(ctx context.Context) { s.refresh(ctx) })
	context.AfterFunc(life, func() { s.hub.tell() }) // shutdown hooks
	context.AfterFunc(life, s.pool.close)

	backend := start(s.count(http.HandlerFunc(s.behind)), false)
	web := start(s.routes(backend.URL), false)
	web2 := start(s.routes(backend.URL), true)
	l := newLoad(web, web2, s.fail)
	l.start()
	for s.open.Load() < l.streams.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	target.Ready()
	target.Commands(func(command string) {
		if command == "late" {
			l.startLate()
		}
	})
	open := s.open.Load()
	l.stop()
	end()
	for _, each := range []*httptest.Server{web, web2, backend} {
		each.Close()
	}
	s.running.Wait()
	s.store.close()
	target.Truth(truth{s.requests.Load(), l.answered(), s.left.Load(), s.jobs.Load(), open, s.errors.Load()})
}
