// SPDX-License-Identifier: Apache-2.0

// grpc is a correct gRPC server and its clients in one process, over TCP: unary calls, streams in all directions, calls
// that run into their deadline, calls that are cancelled in the middle, connections that come and go. With -workers a pool
// of goroutines has the handlers run.
package main

import (
	"context"
	"flag"
	"net"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"targets/target"
)

type truth struct {
	Calls       int64 `json:"calls"`
	Connections int64 `json:"connections"`
	Errors      int64 `json:"errors"`
}

func main() {
	pool := flag.Uint("workers", 0, "goroutines that handlers run on; 0: one for each call")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.NumStreamWorkers(uint32(*pool)))
	s := &service{forever: make(chan struct{}), over: make(chan struct{})}
	pb.RegisterTestServiceServer(server, s)
	go server.Serve(listener)

	life, end := context.WithCancel(context.Background())
	l := &load{address: listener.Addr().String()}
	l.start(life)
	target.Ready()
	target.Commands(func(command string) {
		if command == "tidy" {
			l.tidy(life, s)
			return
		}
		number, _ := strconv.ParseInt(command, 10, 64)
		l.leaks.Store(number)
	})
	l.isOver.Store(true)
	close(s.over)
	l.running.Wait()
	end()
	server.GracefulStop()
	target.Truth(truth{l.calls.Load(), l.connections.Load(), l.errors.Load()})
}

// service answers as the interoperability tests of gRPC do, and derives contexts as a handler would.
type service struct {
	pb.UnimplementedTestServiceServer
	handled atomic.Int64
	tidying atomic.Int64
	forever chan struct{}
	over    chan struct{}
}
