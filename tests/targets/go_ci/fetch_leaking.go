// SPDX-License-Identifier: Apache-2.0
//go:build !fixed && !edited && !twice
// +build !fixed,!edited,!twice

package server

import "context"

//go:noinline
func (s *Server) fetch(key string) string {
	ctx, cancel := context.WithCancel(s.ctx)
	_ = cancel // forgotten
	return ask(ctx, key)
}
