// SPDX-License-Identifier: Apache-2.0

// sessions is a plugin: it has a package context of its own, or so it looks from outside.
package main

import "context"

var sessions []context.CancelFunc

// Open keeps the cancel function of a new session.
func Open(parent context.Context) {
	root, cancelRoot := context.WithCancel(parent)
	_, cancel := context.WithCancel(root)
	sessions = append(sessions, cancel, cancelRoot)
}

func main() {}
