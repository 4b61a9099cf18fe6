// SPDX-License-Identifier: Apache-2.0
//go:build edited
// +build edited

package server

import "context"

// retries was added above the leak, which is on another line now.
const retries = 2

//go:noinline
func (s *Server) fetch(key string) string {
	for attempt := 0; attempt < retries; attempt++ {
		if value := ask(s.ctx, ""); value == "" {
			return value
		}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	_ = cancel // forgotten
	return ask(ctx, key)
}
