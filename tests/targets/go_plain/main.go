// SPDX-License-Identifier: Apache-2.0

// go_plain is a Go program without package context.
package main

import (
	"syscall"
	"time"
)

func main() {
	pid := syscall.Getpid()
	digits := ""
	for ; pid > 0; pid /= 10 {
		digits = string(rune('0'+pid%10)) + digits
	}
	syscall.Write(1, []byte("ready "+digits+"\n"))
	time.Sleep(10 * time.Minute)
}
