// SPDX-License-Identifier: Apache-2.0
//go:build !second
// +build !second

package server

//go:noinline
func (s *Server) log(key string) {
	ask(s.ctx, key)
}
