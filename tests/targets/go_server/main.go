// SPDX-License-Identifier: Apache-2.0

// go_server is a shop behind net/http that calls itself: correct code under load, or with three leaks planted.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"targets/target"
)

type server struct {
	life      context.Context // until the program ends
	isLeaking bool

	requests, released, audited, ignored target.Counter
	leaks                                struct{ subscribe, lookup, shutdown target.Counter }
}

type truth struct {
	Requests int64            `json:"requests"`
	Errors   int64            `json:"errors"`
	RSSKiB   int64            `json:"rss_kib"`
	GCs      uint32           `json:"gcs"`
	Leaks    map[string]int64 `json:"leaks"`
}

func main() {
	rate := flag.Int("rate", 2000, "requests a second; 0: as fast as it goes")
	seconds := flag.Float64("seconds", 0, "stop the load after this time; 0: at SIGTERM")
	workers := flag.Int("workers", 16, "clients")
	isLeaking := flag.Bool("leak", false, "plant the leaks")
	flag.Parse()

	life, end := context.WithCancel(context.Background())
	defer end()
	s := &server{life: life, isLeaking: *isLeaking}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/checkout", s.checkout)
	mux.Handle("/connect", newMeeting(*workers))
	httpServer := &http.Server{Handler: mux}
	go httpServer.Serve(listener)

	l := newLoad("http://"+listener.Addr().String(), *rate, *workers, *seconds)
	l.start(life)
	target.Ready()
	target.Commands(func(string) {})
	l.end()
	errors := l.errors.Load()
	target.Truth(s.truth(errors))
}

func (s *server) truth(errors int64) truth {
	var memory runtime.MemStats
	var usage syscall.Rusage
	runtime.ReadMemStats(&memory)
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return truth{
		Requests: s.requests.Load(), Errors: errors, RSSKiB: usage.Maxrss, GCs: memory.NumGC,
		Leaks: map[string]int64{
			"subscribe": s.leaks.subscribe.Load(),
			"lookup":    s.leaks.lookup.Load(),
			"shutdown":  s.leaks.shutdown.Load(),
		},
	}
}

type userKey struct{}

// checkout does with its context everything that is right.
func (s *server) checkout(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	ctx = context.WithValue(ctx, userKey{}, n)
	stop := afterFunc(ctx, func() { s.ignored.Add(1) })
	defer stop()
	// Nobody stops this one: it ends with the request, and that is what it is for.
	afterFunc(r.Context(), func() { s.released.Add(1) })

	if err := fanOut(ctx, price, stock, preferences); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	go s.audit(withoutCancel(ctx))
	if s.isLeaking && n%10 == 0 {
		s.leakAll(ctx)
	}
	io.Copy(w, bytes.NewReader(make([]byte, 512)))
}

// audit goes on after the request, by design.
func (s *server) audit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if ctx.Err() == nil && ctx.Value(userKey{}) != nil {
		s.audited.Add(1)
	}
}

// fanOut is errgroup in short: the first error cancels the others, and all are waited for.
func fanOut(parent context.Context, calls ...func(context.Context) error) error {
	ctx, cancel := withCancelCause(parent)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, call := range calls {
		call := call
		group.Add(1)
		go func() {
			defer group.Done()
			if err := call(ctx); err != nil {
				cancel(err)
			}
		}()
	}
	group.Wait()
	if ctx.Err() != nil {
		return cause(ctx)
	}
	return nil
}

func price(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_ = make([]byte, 256)
	return parentError(ctx)
}

func stock(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return parentError(ctx)
}

// preferences may give up: its own deadline is no error of the request.
func preferences(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, 50*time.Millisecond)
	defer cancel()
	if n, _ := parent.Value(userKey{}).(int64); n%500 == 0 {
		<-ctx.Done() // the slow call
	}
	return parent.Err()
}

func parentError(ctx context.Context) error {
	if ctx.Err() == context.Canceled {
		return ctx.Err()
	}
	return nil
}
