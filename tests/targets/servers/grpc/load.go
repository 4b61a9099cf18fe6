// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

const (
	workers = 16 // on one long-lived connection
	streams = 20 // open for the whole time
)

// load is the clients.
type load struct {
	address                    string
	isOver                     atomic.Bool
	running                    sync.WaitGroup
	calls, connections, errors atomic.Int64
	leaks                      atomic.Int64 // calls that shall leave a goroutine behind
}

func (l *load) start(life context.Context) {
	client, hangUp := l.connect()
	l.running.Add(workers + streams + 1)
	var using sync.WaitGroup
	using.Add(workers + streams)
	for i := 0; i < workers; i++ {
		go func() {
			defer using.Done()
			defer l.running.Done()
			l.work(life, client)
		}()
	}
	for i := 0; i < streams; i++ {
		go func() {
			defer using.Done()
			defer l.running.Done()
			l.count(l.chat(life, client))
		}()
	}
	go func() {
		defer l.running.Done()
		l.reconnect(life)
		using.Wait()
		hangUp()
	}()
}

func (l *load) connect() (pb.TestServiceClient, func()) {
	connection, err := grpc.NewClient(l.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	l.connections.Add(1)
	return pb.NewTestServiceClient(connection), func() { connection.Close() }
}

func (l *load) count(err error) {
	l.calls.Add(1)
	if err != nil {
		l.errors.Add(1)
	}
}

func (l *load) work(life context.Context, client pb.TestServiceClient) {
	for i := 0; !l.isOver.Load(); i++ {
		l.count(l.unary(life, client))
		if i%10 == 0 {
			l.count(download(life, client))
			l.count(upload(life, client))
		}
		if i%50 == 0 {
			l.count(giveUp(life, client))
			l.count(breakOff(life, client))
		}
	}
}

const tidyCalls = 5 // that reach their handler in time

// tidy makes calls that the server is not done with when their client gives up.
func (l *load) tidy(life context.Context, s *service) {
	client, hangUp := l.connect()
	defer hangUp()
	for s.tidying.Load() < tidyCalls {
		ctx, cancel := context.WithTimeout(life, 100*time.Millisecond)
		client.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: tidies})
		cancel()
	}
}

// reconnect is a client that comes, asks and goes.
func (l *load) reconnect(life context.Context) {
	for !l.isOver.Load() {
		client, hangUp := l.connect()
		l.count(l.unary(life, client))
		hangUp()
	}
}

// unary asks for an answer. Who is told to leave something behind is told so by the client: that call begins after the
// command, whatever is under way.
func (l *load) unary(life context.Context, client pb.TestServiceClient) error {
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	_, err := client.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: 100, FillUsername: l.leaks.Add(-1) >= 0})
	return err
}

// giveUp runs into its deadline.
func giveUp(life context.Context, client pb.TestServiceClient) error {
	ctx, cancel := context.WithTimeout(life, 20*time.Millisecond)
	defer cancel()
	if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{ResponseSize: -1}); err == nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func download(life context.Context, client pb.TestServiceClient) error {
	parts := []*pb.ResponseParameters{{Size: 10}, {Size: 1000}, {Size: 100000}}
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	stream, err := client.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: parts})
	for err == nil {
		_, err = stream.Recv()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func upload(life context.Context, client pb.TestServiceClient) error {
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	stream, err := client.StreamingInputCall(ctx)
	for i := 0; i < 5 && err == nil; i++ {
		err = stream.Send(&pb.StreamingInputCallRequest{Payload: payload(1000)})
	}
	if err != nil {
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

// breakOff cancels a stream in the middle.
func breakOff(life context.Context, client pb.TestServiceClient) error {
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	stream, err := client.FullDuplexCall(ctx)
	if err == nil {
		err = stream.Send(&pb.StreamingOutputCallRequest{Payload: payload(10)})
	}
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

// chat keeps a stream open for the whole time.
func (l *load) chat(life context.Context, client pb.TestServiceClient) error {
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	stream, err := client.FullDuplexCall(ctx)
	for err == nil && !l.isOver.Load() {
		err = stream.Send(&pb.StreamingOutputCallRequest{Payload: payload(10)})
		if err == nil {
			_, err = stream.Recv()
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	if err == nil {
		if _, err = stream.Recv(); err == io.EOF {
			err = nil
		}
	}
	return err
}
