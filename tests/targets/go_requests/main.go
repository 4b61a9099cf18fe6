// SPDX-License-Identifier: Apache-2.0

// go_requests serves HTTP/1 or HTTP/2 to itself, each kind of request right or wrong in one way. A command is the name of
// a kind: so many requests of it are sent, and it is done when all of them have come as far as they get.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"targets/target"
)

// scenario is one kind of request.
type scenario struct {
	handle http.HandlerFunc
	// Does the client wait for an answer, or go away once the handler has begun?
	leaves bool
	// Does the handler stay until the program ends?
	stays bool
}

type server struct {
	forever chan struct{} // closed at the end
	begun   chan struct{} // one word from each handler that says so
	stored  context.Context
	service context.Context // as long as the program
	ended   context.Context
	pool    struct {
		once sync.Once
		jobs chan func()
	}
	grown struct {
		jobs    chan job
		workers int // requests come one after the other
	}
	group sync.WaitGroup
}

// job is what a worker does for a request.
type job struct {
	ctx  context.Context
	done chan struct{}
}

type truth struct {
	Sent map[string]int `json:"sent"`
}

func (s *server) scenarios() map[string]scenario {
	return map[string]scenario{
		"outlives":        {handle: s.outlives},
		"outlives-stops":  {handle: s.outlivesStops},
		"detached":        {handle: s.detached},
		"detached-inside": {handle: s.detachedInside},
		"tidies":          {handle: s.tidies, leaves: true, stays: true},
		"service":         {handle: s.serviceContext},
		"merged":          {handle: s.merged},
		"lazy-pool":       {handle: s.lazyPool},
		"grown-pool":      {handle: s.grownPool},
		"fan-out":         {handle: s.fanOut},
		"unclosed":        {handle: s.unclosed},
		"gone-ignored":    {handle: s.goneIgnored, leaves: true, stays: true},
		"gone-task":       {handle: s.goneTask, leaves: true, stays: true},
		"late-task":       {handle: s.lateTask, stays: true},
		"gone-heeded":     {handle: s.goneHeeded, leaves: true},
		"hangs":           {handle: s.hangs, stays: true},
		"hangs-bounded":   {handle: s.hangsBounded, stays: true},
		"long-poll":       {handle: s.longPoll, stays: true},
		"events":          {handle: s.events, stays: true},
		"hijacked":        {handle: s.hijacked, stays: true},
		"keep":            {handle: s.keep},
		"stale":           {handle: s.stale},
		"background":      {handle: s.background},
	}
}

// outlives starts work that does not care about its context.
func (s *server) outlives(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	go s.ignore(ctx) // FIND:outlives
}

//go:noinline
func (s *server) ignore(ctx context.Context) {
	<-s.forever // FIND:ignore
	_ = ctx.Err()
}

func (s *server) outlivesStops(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	go func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-s.forever:
		}
	}(ctx)
}

func (s *server) detached(w http.ResponseWriter, r *http.Request) {
	go s.ignore(withoutCancel(r.Context()))
}

// detachedInside starts a goroutine that detaches itself, and derives nothing.
func (s *server) detachedInside(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	go func() {
		ctx := withoutCancel(ctx)
		s.ignore(ctx)
		_ = ctx.Err()
	}()
}

// tidies has lost its client, and does what is left to do in its own time.
func (s *server) tidies(w http.ResponseWriter, r *http.Request) {
	s.begun <- struct{}{}
	<-r.Context().Done()
	ctx, cancel := context.WithTimeout(withoutCancel(r.Context()), time.Hour)
	defer cancel()
	s.ignore(ctx)
}

// serviceContext starts work that lives as long as the service, and knows the request for its values only.
func (s *server) serviceContext(w http.ResponseWriter, r *http.Request) {
	begun := make(chan struct{})
	go func(ctx context.Context) {
		own, cancel := context.WithTimeout(s.service, time.Hour)
		defer cancel()
		close(begun)
		s.ignore(own)
		_ = ctx.Err()
	}(r.Context())
	<-begun
}

// merged registers a function on a context that has ended long before: it is called at once, which is what is wanted.
func (s *server) merged(w http.ResponseWriter, r *http.Request) {
	if s.ended == nil {
		ended, cancel := context.WithCancel(s.service)
		cancel()
		s.ended = ended
		time.Sleep(1500 * time.Millisecond) // longer than the grace
	}
	afterFunc(s.ended, func() {})
}

// lazyPool starts the workers with the first request: they live on, and they hold nothing of it.
func (s *server) lazyPool(w http.ResponseWriter, r *http.Request) {
	s.pool.once.Do(func() {
		s.pool.jobs = make(chan func())
		for i := 0; i < 8; i++ {
			go func() {
				for job := range s.pool.jobs {
					job()
				}
			}()
		}
	})
	done := make(chan struct{})
	s.pool.jobs <- func() {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		_ = ctx.Err()
		close(done)
	}
	<-done
}

// grownPool gets one worker more with each of the first four requests, which is given the first job with its context.
func (s *server) grownPool(w http.ResponseWriter, r *http.Request) {
	first := job{r.Context(), make(chan struct{})}
	if s.grown.workers < 4 {
		s.grown.workers++
		go func() {
			for next := first; ; {
				_ = next.ctx.Err()
				close(next.done)
				select {
				case next = <-s.grown.jobs:
				case <-s.forever:
					return
				}
			}
		}()
	} else {
		s.grown.jobs <- first
	}
	<-first.done
}

// unclosed hands out work to goroutines of its own, and forgets to tell them that there will be no more.
//
//go:noinline
func (s *server) unclosed(w http.ResponseWriter, r *http.Request) {
	items := make(chan int)
	for i := 0; i < 2; i++ {
		go func(ctx context.Context, items chan int) { // FIND:unclosed
			for range items {
				_ = ctx.Err()
			}
		}(r.Context(), items)
	}
	items <- 1
}

func (s *server) fanOut(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var group sync.WaitGroup
	for i := 0; i < 3; i++ {
		group.Add(1)
		go func(ctx context.Context) {
			defer group.Done()
			_ = ctx.Err()
		}(ctx)
	}
	group.Wait()
}

// goneIgnored goes on although nobody waits for its answer any more.
//
//go:noinline
func (s *server) goneIgnored(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s.begun <- struct{}{}
	<-s.forever // FIND:gone-ignored
	_ = ctx.Err()
}

// goneTask returns when what it started does, and that does not care.
func (s *server) goneTask(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	done := make(chan struct{})
	go func(ctx context.Context, done chan struct{}) { // FIND:gone-task
		s.ignore(ctx)
		close(done)
	}(ctx, done)
	s.begun <- struct{}{}
	<-done
}

// lateTask waits for a goroutine that does not heed the deadline it was given.
func (s *server) lateTask(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan struct{})
	go func(ctx context.Context, done chan struct{}) { // FIND:late-task
		s.ignore(ctx)
		close(done)
	}(ctx, done)
	s.begun <- struct{}{}
	<-done
}

func (s *server) goneHeeded(w http.ResponseWriter, r *http.Request) {
	s.begun <- struct{}{}
	<-r.Context().Done()
}

//go:noinline
func (s *server) hangs(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s.begun <- struct{}{}
	<-s.forever // FIND:hangs
	_ = ctx.Err()
}

func (s *server) hangsBounded(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	s.begun <- struct{}{}
	select {
	case <-ctx.Done():
	case <-s.forever:
	}
}

// longPoll waits for news, for an hour at most: that needs no deadline.
func (s *server) longPoll(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	s.begun <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-s.forever:
	case <-timer.C:
	}
}

// events is a stream of server-sent events: it lasts as long as the client listens.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "data: hello\n\n")
	w.(http.Flusher).Flush()
	s.begun <- struct{}{}
	select {
	case <-ctx.Done():
	case <-s.forever:
	}
}

// hijacked takes the connection over and leaves a pump behind, as WebSocket servers do.
func (s *server) hijacked(w http.ResponseWriter, r *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	go func(ctx context.Context) {
		<-s.forever
		_ = ctx.Err()
		conn.Close()
	}(r.Context())
	s.begun <- struct{}{}
}

// keep stores its context for stale; one request does that.
func (s *server) keep(w http.ResponseWriter, r *http.Request) {
	s.stored = r.Context()
}

// stale derives from a context that was kept when its request was over.
func (s *server) stale(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(s.stored) // FIND:stale
	defer cancel()
	_ = ctx.Err()
}

func (s *server) background(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // FIND:background
	defer cancel()
	_ = ctx.Err()
}

func (s *server) send(client *http.Client, url string, kind scenario) {
	ctx, leave := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	answered := make(chan struct{})
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		defer close(answered)
		answer, err := client.Do(request)
		if err == nil && !kind.stays {
			answer.Body.Close()
		}
	}()
	if kind.leaves || kind.stays {
		<-s.begun
	} else {
		<-answered
	}
	if kind.leaves {
		leave()
		<-answered
	}
	if !kind.stays {
		leave()
	}
	_ = leave
}

func main() {
	count := flag.Int("count", 10, "requests of each command, one after the other")
	isHTTP2 := flag.Bool("h2", false, "HTTP/2")
	exits := flag.String("exits", "", "no commands: send the requests of this `kind`, and exit two seconds later")
	flag.Parse()
	s := &server{forever: make(chan struct{}), begun: make(chan struct{})}
	s.grown.jobs = make(chan job)
	service, stop := context.WithCancel(context.Background())
	defer stop()
	s.service = service
	mux := http.NewServeMux()
	for name, kind := range s.scenarios() {
		mux.HandleFunc("/"+name, kind.handle)
	}
	web := httptest.NewUnstartedServer(mux)
	web.EnableHTTP2 = *isHTTP2
	if *isHTTP2 {
		web.StartTLS()
	} else {
		web.Start()
	}
	client, sent := web.Client(), map[string]int{}
	command := func(name string) {
		kind, ok := s.scenarios()[name]
		for i := 0; ok && i < *count && (i == 0 || name != "keep"); i++ {
			s.send(client, web.URL+"/"+name, kind)
			sent[name]++
		}
	}
	if *exits != "" {
		command(*exits)
		time.Sleep(2 * time.Second)
		return
	}
	target.Ready()
	target.Commands(command)
	target.Truth(truth{Sent: sent})
	close(s.forever)
}
