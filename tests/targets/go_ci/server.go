// SPDX-License-Identifier: Apache-2.0

// Package server is what a test binary in continuous integration is made of. Its build tags are the states of a
// project: leaking, fixed, edited (the same leak on other lines), second (another leak beside it), twice (one more in the
// function that has one).
package server

import "context"

// Server asks its upstream for what it answers.
type Server struct {
	ctx  context.Context
	stop context.CancelFunc
}

// New starts a server.
func New() *Server {
	ctx, stop := context.WithCancel(context.Background())
	return &Server{ctx, stop}
}

// Get answers.
func (s *Server) Get(key string) string {
	s.log(key)
	return s.fetch(key)
}

// Close ends everything the server has begun.
func (s *Server) Close() {
	s.stop()
}

func ask(ctx context.Context, key string) string {
	if ctx.Err() != nil {
		return ""
	}
	return "value of " + key
}
