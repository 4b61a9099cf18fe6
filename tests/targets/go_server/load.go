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

func (l *load) start(life context.Context) {
	for i := 0; i < l.workers; i++ {
		l.running.Add(1)
		go l.work(life)
	}
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
	defer l.running.Done()
	for next := time.Now(); !l.isOver(); next = next.Add(l.interval) {
		time.Sleep(time.Until(next))
		if time.Since(next) > time.Second {
			next = time.Now() // late beyond repair: no burst
		}
		if err := l.ask(life); err != nil {
			l.errors.Add(1)
		}
	}
}

func (l *load) ask(life context.Context) error {
	ctx, cancel := context.WithTimeout(life, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
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
