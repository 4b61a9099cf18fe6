// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// sessionWrong is a login. ctx is what the lesson forbids: a context in a struct.
type sessionWrong struct {
	ctx     context.Context
	program *program
}

// refresh is called by later requests; the context is the first one's.
func (s *sessionWrong) refresh() error {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second) // LESSON:stored-context
	defer cancel()
	_, err := get(ctx, s.program.client, s.program.url+"/token")
	return err
}

// session is given the context of each request as a parameter.
type session struct{ program *program }

func (s *session) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := get(ctx, s.program.client, s.program.url+"/token")
	return err
}

const (
	logins      = 3
	lateLookups = 10 // each of one session
)

// startSessions returns when the sessions' first requests are long over and the late ones have been answered.
func startSessions(p *program, open func(r *http.Request) func(r *http.Request) error) {
	var sessions sync.Map
	first := make(chan context.Context, logins)
	p.mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("token")) })
	p.mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		sessions.Store(r.URL.Query().Get("id"), open(r))
		first <- r.Context()
	})
	p.mux.HandleFunc("/lookup", func(w http.ResponseWriter, r *http.Request) {
		refresh, _ := sessions.Load(r.URL.Query().Get("id"))
		if err := refresh.(func(r *http.Request) error)(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	p.askAndWait(logins, "/login")
	for i := 0; i < logins; i++ {
		<-(<-first).Done() // the client may have its answer before that
	}
	waitLonger()
	for i := 0; i < lateLookups; i++ {
		p.askAndWait(logins, "/lookup")
	}
}

func storedContextWrong(p *program) int {
	startSessions(p, func(r *http.Request) func(r *http.Request) error {
		s := &sessionWrong{r.Context(), p}
		return func(*http.Request) error { return s.refresh() }
	})
	return logins * lateLookups
}

func storedContextRight(p *program) {
	startSessions(p, func(*http.Request) func(r *http.Request) error {
		s := &session{p}
		return func(r *http.Request) error { return s.refresh(r.Context()) }
	})
}
