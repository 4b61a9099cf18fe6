// SPDX-License-Identifier: Apache-2.0

// go_old has goroutines from its first moment on: pools, tickers, connections of net/http at both ends, jobs that wait. All
// of it is right. On command it starts and ends goroutines as fast as it can, serves requests with its old workers, and
// leaves goroutines behind; it counts its goroutines when it is quiet.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"targets/target"
)

type truth struct {
	Goroutines int   `json:"goroutines"` // when it was quiet, as the runtime counts them
	Churned    int64 `json:"churned"`
	Served     int64 `json:"served"`
	Errors     int64 `json:"errors"`
}

type job struct {
	ctx  context.Context
	done chan struct{}
}

type program struct {
	truth
	jobs    chan job
	forever chan struct{}
	life    context.Context
	url     string
	client  *http.Client
	isOver  int32
	churn   sync.WaitGroup
	base    int
}

// wait is an old goroutine that does nothing.
func (p *program) wait() { <-p.forever }

// tick is one that wakes up now and then.
func (p *program) tick() {
	for range time.Tick(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.life, time.Minute)
		_ = ctx.Err()
		cancel()
	}
}

// work serves one request after the other.
func (p *program) work() {
	for j := range p.jobs {
		ctx, cancel := context.WithTimeout(j.ctx, time.Minute)
		_ = ctx.Err()
		cancel()
		close(j.done)
	}
}

func (p *program) old(count int) {
	for i := 0; i < count; i++ {
		go p.wait() // OLD:wait
	}
	for i := 0; i < 8; i++ {
		go p.work()
		go p.tick()
	}
}

// hold goes on with a context that has been over for long.
func (p *program) hold(ctx context.Context) {
	<-p.forever
	_ = ctx.Err()
}

// ServeHTTP has the old workers do it. "/leave" leaves a goroutine behind; "/slow" takes until it is told.
func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/leave":
		go p.hold(r.Context()) // OLD:hold
	case "/slow":
		select {
		case <-r.Context().Done():
		case <-p.forever:
		}
	default:
		j := job{r.Context(), make(chan struct{})}
		p.jobs <- j
		<-j.done
	}
	atomic.AddInt64(&p.Served, 1)
	fmt.Fprintln(w, "ok")
}

func (p *program) get(path string) {
	answer, err := p.client.Get(p.url + path)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	if err != nil {
		atomic.AddInt64(&p.Errors, 1)
	}
}

// spin starts goroutines that live for about as long as a reading takes, each of which starts another.
func (p *program) spin() {
	defer p.churn.Done()
	for atomic.LoadInt32(&p.isOver) == 0 {
		var group sync.WaitGroup
		for i := 0; i < 50; i++ {
			group.Add(2)
			go func() {
				go group.Done()
				time.Sleep(5 * time.Millisecond)
				group.Done()
			}()
		}
		group.Wait()
		atomic.AddInt64(&p.Churned, 100)
	}
}

// settled is how many goroutines there are once those that are about to end have ended.
func settled() int {
	count := runtime.NumGoroutine()
	for same := 0; same < 100; same++ {
		time.Sleep(time.Millisecond)
		if now := runtime.NumGoroutine(); now != count {
			count, same = now, 0
		}
	}
	return count
}

func (p *program) startChurn() {
	p.base = settled()
	atomic.StoreInt32(&p.isOver, 0)
	p.churn.Add(4)
	for i := 0; i < 4; i++ {
		go p.spin()
	}
}

// quiet returns when the last of them is no longer counted.
func (p *program) quiet() {
	atomic.StoreInt32(&p.isOver, 1)
	p.churn.Wait()
	for p.base != 0 && runtime.NumGoroutine() != p.base {
		time.Sleep(time.Millisecond)
	}
	p.Goroutines = runtime.NumGoroutine()
}

func (p *program) do(command string) {
	words := strings.Fields(command)
	count := 1
	if len(words) > 1 {
		count, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "old":
		p.old(count)
	case "churn":
		p.startChurn()
	case "quiet":
		p.quiet()
	case "serve", "leave":
		for i := 0; i < count; i++ {
			p.get("/" + words[0])
		}
	}
}

func main() {
	count := flag.Int("old", 0, "goroutines from the beginning")
	slow := flag.Int("slow", 0, "requests that are being served from the beginning")
	flag.Parse()
	life, end := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	p := &program{jobs: make(chan job), forever: make(chan struct{}), life: life,
		url: "http://" + listener.Addr().String(), client: &http.Client{Transport: &http.Transport{}}} // its connections stay
	go http.Serve(listener, p)
	if *count > 0 {
		p.old(*count)
		p.get("/serve")
	}
	for i := 0; i < *slow; i++ {
		go p.get("/slow")
	}
	target.Ready()
	target.Commands(p.do)
	end()
	target.Truth(p.truth)
}
