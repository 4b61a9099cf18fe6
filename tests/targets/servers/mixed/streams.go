// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

// hub tells everybody who listens; who is too slow misses something.
type hub struct {
	mutex     sync.Mutex
	listeners map[chan int64]bool
	last      int64
}

func (h *hub) tell() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.last++
	for listener := range h.listeners {
		select {
		case listener <- h.last:
		default:
		}
	}
}

func (h *hub) listen() (chan int64, func()) {
	listener := make(chan int64, 1)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.listeners[listener] = true
	return listener, func() {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		delete(h.listeners, listener)
	}
}

// untilShutdown is a context that ends with the request's or with the server's life, whichever is first.
func (s *server) untilShutdown(r *http.Request) (context.Context, func()) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// feed fills a channel in a goroutine of its own: a look into the store, which may take a second and is given up
// then, and what the hub tells.
func (s *server) feed(ctx context.Context) <-chan int64 {
	lines := make(chan int64)
	first, cancel := context.WithTimeout(ctx, time.Second)
	go func() {
		defer close(lines)
		err := s.store.count(first)
		isLate := errors.Is(first.Err(), context.DeadlineExceeded)
		cancel()
		if err != nil && !isLate && ctx.Err() == nil {
			s.fail("feed", err)
			return
		}
		news, leave := s.hub.listen()
		defer leave()
		for {
			select {
			case <-ctx.Done():
				return
			case number := <-news:
				select {
				case lines <- number:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return lines
}

// events is a stream of server-sent events that lasts as long as its client listens.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	ctx, end := s.untilShutdown(r)
	defer end()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	if err := out.Flush(); err != nil {
		s.answer(w, r, err)
		return
	}
	s.open.Add(1)
	defer s.open.Add(-1)
	for number := range s.feed(ctx) {
		fmt.Fprintf(w, "data: %d\n\n", number)
		if out.Flush() != nil {
			return
		}
	}
}

// isClosed: did the conversation end as it should, or did the other side go away?
func isClosed(err error) bool {
	code := websocket.CloseStatus(err)
	return code == websocket.StatusNormalClosure || code == websocket.StatusGoingAway || errors.Is(err, net.ErrClosed)
}

// socket stays open: one pump reads, one writes, one pings, and the first that fails ends all.
func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.fail("socket", err)
		return
	}
	defer conn.CloseNow()
	stop := context.AfterFunc(s.life, func() { conn.Close(websocket.StatusGoingAway, "shutdown") })
	defer stop()
	s.open.Add(1)
	defer s.open.Add(-1)
	pumps, ctx := errgroup.WithContext(r.Context())
	texts := make(chan []byte)
	pumps.Go(func() error {
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return err
			}
			select {
			case texts <- text:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	pumps.Go(func() error { return pumpOut(ctx, conn, texts) })
	pumps.Go(func() error { return keepAlive(ctx, conn) })
	if err := pumps.Wait(); !isClosed(err) && s.life.Err() == nil {
		s.fail("socket", err)
	}
}

// pumpOut writes what was read back.
func pumpOut(ctx context.Context, conn *websocket.Conn, texts <-chan []byte) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case text := <-texts:
			if err := within(ctx, func(ctx context.Context) error {
				return conn.Write(ctx, websocket.MessageText, text)
			}); err != nil {
				return err
			}
		}
	}
}

// keepAlive pings.
func keepAlive(ctx context.Context, conn *websocket.Conn) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := within(ctx, conn.Ping); err != nil {
				return err
			}
		}
	}
}

func within(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return do(ctx)
}

// socketShort answers once and ends the conversation, or lets its client end it.
func (s *server) socketShort(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.fail("socket", err)
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	kind, text, err := conn.Read(ctx)
	if err == nil {
		err = conn.Write(ctx, kind, text)
	}
	if err == nil && r.URL.RawQuery == "server" {
		err = conn.Close(websocket.StatusNormalClosure, "enough")
	} else if err == nil {
		if _, _, err = conn.Read(ctx); isClosed(err) {
			err = nil
		}
	}
	if err != nil {
		s.fail("socket", err)
	}
}

// raw takes the connection over by hand: the handler returns, and its pumps go on. They live as long as the connection,
// and have the request's context for its values.
func (s *server) raw(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.fail("raw", err)
		return
	}
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	ctx, cancel := context.WithCancel(s.life)
	context.AfterFunc(ctx, func() { conn.Close() })
	lines := make(chan string)
	s.open.Add(1)
	s.running.Add(2)
	go func() {
		defer s.running.Done()
		defer s.open.Add(-1)
		defer cancel()
		defer close(lines)
		for in := bufio.NewScanner(buffered); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	go s.pumpLines(r.Context(), conn, lines)
}

// pumpLines says each line again, with the request's name. It ends when the reader has.
func (s *server) pumpLines(values context.Context, conn net.Conn, lines <-chan string) {
	defer s.running.Done()
	for line := range lines {
		fmt.Fprintf(conn, "%s: %s\n", values.Value(nameKey{}), line)
	}
}
