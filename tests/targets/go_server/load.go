// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"targets/target"
)

// load is the clients: each waits for its answer before it asks again.
type load struct {
	url      string
	interval time.Duration
	workers  int
	until    time.Time
	client   *http.Client
	stopping chan struct{}
	running  sync.WaitGroup
	errors   target.Counter
}

// meeting answers no request before as many have come as there are clients: each of them has a connection then.
type meeting struct {
	missing sync.WaitGroup
}

func newMeeting(clients int) *meeting {
	m := &meeting{}
	m.missing.Add(clients)
	return m
}

func (m *meeting) ServeHTTP(http.ResponseWriter, *http.Request) {
	m.missing.Done()
	m.missing.Wait()
}

func newLoad(url string, rate, workers int, seconds float64) *load {
	l := &load{url: url, workers: workers, stopping: make(chan struct{})}
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers}}
	if rate > 0 {
		l.interval = time.Duration(float64(workers) / float64(rate) * float64(time.Second))
	}
	if seconds > 0 {
		l.until = time.Now().Add(time.Duration(seconds * float64(time.Second)))
	}
	return l
}

// start returns when every client has its connection.
func (l *load) start(life context.Context) {
	var connected sync.WaitGroup
	connected.Add(l.workers)
	for i := 0; i < l.workers; i++ {
		l.running.Add(1)
		go func() {
			defer l.running.Done()
			if err := l.ask(life, "/connect"); err != nil {
				l.errors.Add(1)
			}
			connected.Done()
			l.work(life)
		}()
	}
	connected.Wait()
}

func (l *load) end() {
	close(l.stopping)
	l.running.Wait()
}

func (l *load) isOver() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return !l.until.IsZero() && time.Now().After(l.until)
	}
}

func (l *load) work(life context.Context) {
	for next := time.Now(); !l.isOver(); next = next.Add(l.interval) {
		time.Sleep(time.Until(next))
		if time.Since(next) > time.Second {
			next = time.Now() // late beyond repair: no burst
		}
		if err := l.ask(life, "/checkout"); err != nil {
			l.errors.Add(1)
		}
	}
}

func (l *load) ask(life context.Context, path string) error {
	ctx, cancel := context.WithTimeout(life, 5*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		return http.ErrAbortHandler
	}
	return err
}
