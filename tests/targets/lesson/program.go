// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"targets/target"
)

// program is the server's routes and its clients.
type program struct {
	life   context.Context // until the program ends
	mux    *http.ServeMux
	url    string
	client *http.Client
	asked  target.Counter

	lock    sync.Mutex
	answers map[string]int
}

// serving is how many handlers have been entered and have not returned.
var serving target.Counter

func newProgram(life context.Context, url string) *program {
	return &program{
		life: life, mux: http.NewServeMux(), url: url, client: &http.Client{Transport: &http.Transport{}},
		answers: map[string]int{},
	}
}

// ask is one request of one client, waited for as long as ctx lives.
func (p *program) ask(ctx context.Context, path string) {
	p.asked.Add(1)
	status := "none"
	if answer, err := get(ctx, p.client, p.url+path); err == nil {
		status = fmt.Sprint(answer)
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.answers[status]++
}

// askAtOnce is as many clients; it does not wait for them.
func (p *program) askAtOnce(ctx context.Context, clients int, path string) {
	for i := 0; i < clients; i++ {
		go p.ask(ctx, fmt.Sprintf("%s?id=%d", path, i))
	}
}

// askAndWait is as many clients, one after the other.
func (p *program) askAndWait(times int, path string) {
	for i := 0; i < times; i++ {
		p.ask(p.life, fmt.Sprintf("%s?id=%d", path, i))
	}
}

func (p *program) answered() map[string]int {
	p.lock.Lock()
	defer p.lock.Unlock()
	answers := map[string]int{}
	for status, count := range p.answers {
		answers[status] = count
	}
	return answers
}

// waitAnswers returns when so many clients have their answer or have given up, and every handler has returned.
func (p *program) waitAnswers(clients int) {
	waitUntil("answers", func() bool {
		count := 0
		for _, n := range p.answered() {
			count += n
		}
		return count == clients && serving.Load() == 0
	})
}

// get is one HTTP call to its end.
func get(ctx context.Context, client *http.Client, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// waitUntil asks again and again; what does not come is the end of the program, so that no test waits for it.
func waitUntil(what string, isReached func() bool) {
	for end := time.Now().Add(30 * time.Second); !isReached(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			panic("waited too long for " + what)
		}
	}
}

// waitLonger returns when a tool that allows the usual second of grace can no longer allow it.
func waitLonger() { time.Sleep(1500 * time.Millisecond) }
