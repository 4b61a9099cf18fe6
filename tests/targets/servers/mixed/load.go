// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const streamsOfEach = 10

// visit is something a client does again and again.
type visit struct {
	name  string
	pause time.Duration
	do    func(name string) error
}

// load is the clients.
type load struct {
	web, web2 *httptest.Server
	fail      func(what string, err error)
	isOver    atomic.Bool
	running   sync.WaitGroup
	streams   atomic.Int64    // that are to be open
	listening context.Context // of those who listen to streams
	leave     func()
	mutex     sync.Mutex
	done      map[string]int64
}

func newLoad(web, web2 *httptest.Server, fail func(what string, err error)) *load {
	l := &load{web: web, web2: web2, fail: fail, done: map[string]int64{}}
	l.listening, l.leave = context.WithCancel(context.Background())
	for _, each := range []*httptest.Server{web, web2} {
		each.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 50
	}
	return l
}

func (l *load) start() {
	const often, seldom = 15 * time.Millisecond, 200 * time.Millisecond
	visits := []visit{
		{"/group", often, l.get}, {"/group-error", often, l.get}, {"/flight", often, l.get}, {"/flight", often, l.get},
		{"/flight", seldom, l.leaveSoon}, {"/flight-detached", seldom, l.get}, {"/flight-detached", seldom, l.leaveSoon},
		{"/slots", often, l.get}, {"/slots", often, l.get}, {"/slots", often, l.get}, {"/hooks", often, l.get},
		{"/command", seldom, l.get}, {"/deadline", often, l.get}, {"/poll", often, l.get}, {"/wait", often, l.leaveSoon},
		{"/query", often, l.get}, {"/query", often, l.leaveSoon}, {"/write", often, l.get}, {"/write?back", often, l.get},
		{"/write", often, l.leaveSoon}, {"/prepared", often, l.get}, {"/slow-query", seldom, l.get},
		{"/slow-query", seldom, l.leaveSoon}, {"/detached", seldom, l.get}, {"/detached-inside", seldom, l.get},
		{"/detached-request", seldom, l.get}, {"/detached-named", seldom, l.get}, {"/audit", often, l.get},
		{"/in-time", often, l.get}, {"/in-time?slow", often, l.get}, {"/in-time?slow", seldom, l.leaveSoon},
		{"/proxy/", often, l.post}, {"/proxy/wait", often, l.leaveSoon},
		{"/socket-short?server", seldom, l.converse}, {"/socket-short?client", seldom, l.converse},
	}
	for _, each := range visits {
		l.run(each)
	}
	l.openStreams()
}

// startLate: the pools get their first jobs, and more streams are opened.
func (l *load) startLate() {
	for i := 0; i < workers+1; i++ {
		l.run(visit{"/pool", 20 * time.Millisecond, l.get})
		l.run(visit{"/crew", 20 * time.Millisecond, l.get})
	}
	l.openStreams()
}

// stop ends the visits, then the streams.
func (l *load) stop() {
	l.isOver.Store(true)
	l.leave()
	l.running.Wait()
}

func (l *load) answered() map[string]int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.done
}

func (l *load) run(v visit) {
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		for !l.isOver.Load() {
			err := v.do(v.name)
			if err != nil {
				l.fail("client of "+v.name, err)
			}
			l.mutex.Lock()
			l.done[v.name]++
			l.mutex.Unlock()
			time.Sleep(v.pause)
		}
	}()
}

// turn: every other request goes over HTTP/2.
var turn atomic.Int64

func (l *load) server() *httptest.Server {
	if turn.Add(1)%2 == 0 {
		return l.web2
	}
	return l.web
}

func (l *load) ask(ctx context.Context, method, path string, body io.Reader) error {
	web := l.server()
	request, err := http.NewRequestWithContext(ctx, method, web.URL+path, body)
	if err != nil {
		return err
	}
	answer, err := web.Client().Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}

func (l *load) get(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return l.ask(ctx, http.MethodGet, path, nil)
}

func (l *load) post(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return l.ask(ctx, http.MethodPost, path, strings.NewReader(strings.Repeat("mixed ", 1000)))
}

// leaveSoon goes away after a moment; with luck there was an answer before.
func (l *load) leaveSoon(path string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(time.Duration(1+turn.Load()%20)*time.Millisecond, cancel)
	defer timer.Stop()
	if err := l.ask(ctx, http.MethodGet, path, nil); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// converse is a short conversation over a WebSocket, ended by the server or by the client.
func (l *load) converse(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, l.web.URL+path, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err = conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		return err
	}
	if _, _, err = conn.Read(ctx); err != nil {
		return err
	}
	if strings.HasSuffix(path, "client") {
		return conn.Close(websocket.StatusNormalClosure, "enough")
	}
	if _, _, err = conn.Read(ctx); !isClosed(err) {
		return err
	}
	return nil
}

// openStreams: each stays open until the end.
func (l *load) openStreams() {
	for i := 0; i < streamsOfEach; i++ {
		l.keep("/events", l.listen)
		l.keep("/proxy/events", l.listen)
		l.keep("/socket", l.chat)
		l.keep("/raw", l.lines)
	}
}

func (l *load) keep(path string, do func(path string) error) {
	l.streams.Add(1)
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		if err := do(path); !l.isOver.Load() {
			l.fail("client of "+path, fmt.Errorf("the stream ended: %v", err))
		}
	}()
}

func (l *load) listen(path string) error {
	web := l.server()
	request, err := http.NewRequestWithContext(l.listening, http.MethodGet, web.URL+path, nil)
	if err != nil {
		return err
	}
	answer, err := web.Client().Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	in := bufio.NewScanner(answer.Body)
	for in.Scan() {
	}
	return in.Err()
}

func (l *load) chat(path string) error {
	conn, _, err := websocket.Dial(l.listening, l.web.URL+path, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	for !l.isOver.Load() {
		if err = conn.Write(context.Background(), websocket.MessageText, []byte("hello")); err != nil {
			return err
		}
		if _, _, err = conn.Read(context.Background()); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return conn.Close(websocket.StatusNormalClosure, "enough")
}

func (l *load) lines(path string) error {
	conn, err := net.Dial("tcp", l.web.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: mixed\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n", path)
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("no upgrade: %v", err)
	}
	for !l.isOver.Load() {
		fmt.Fprintln(conn, "hello")
		if _, err = in.ReadString('\n'); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}
