// SPDX-License-Identifier: Apache-2.0
//go:build twice
// +build twice

package server

import "context"

//go:noinline
func (s *Server) fetch(key string) string {
	ctx, cancel := context.WithCancel(s.ctx)
	_ = cancel // forgotten
	other, cancelOther := context.WithCancel(s.ctx)
	_ = cancelOther // one more
	return ask(ctx, key) + ask(other, key)
}
