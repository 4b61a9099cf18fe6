// SPDX-License-Identifier: Apache-2.0
//go:build second
// +build second

package server

import (
	"context"
	"time"
)

//go:noinline
func (s *Server) log(key string) {
	ctx, cancel := context.WithTimeout(s.ctx, time.Hour)
	_ = cancel // forgotten
	ask(ctx, key)
}
