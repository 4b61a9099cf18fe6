// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"os"
	"testing"
)

// One server for all tests, as many packages have it; os.Exit leaves it as it is.
var server *Server

func TestMain(m *testing.M) {
	server = New()
	fmt.Fprintln(os.Stderr, "a line of the program's own on standard error")
	status := m.Run()
	if server.ctx.Err() != nil {
		status = 3
	}
	os.Exit(status)
}

func get(t *testing.T, times int) {
	for i := 0; i < times; i++ {
		if got := server.Get("key"); got == "" {
			t.Fatal("no value")
		}
	}
}

func TestOne(t *testing.T) {
	get(t, 1)
}

func TestGet(t *testing.T) {
	get(t, 20)
}

func TestParallel(t *testing.T) {
	for _, name := range []string{"a", "b", "c", "d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			get(t, 5)
		})
	}
}

// CTX_TEST=fails or panics: what go test makes of it stays what it is.
func TestBroken(t *testing.T) {
	switch os.Getenv("CTX_TEST") {
	case "fails":
		t.Error("this test fails")
	case "panics":
		panic("this test panics")
	}
}
