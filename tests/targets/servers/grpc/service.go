// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"time"

	pb "google.golang.org/grpc/interop/grpc_testing"
)

func payload(bytes int) *pb.Payload { return &pb.Payload{Body: make([]byte, bytes)} }

// lookup is the work of a handler: a child context, cancelled when it is done.
func (s *service) lookup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s.handled.Add(1)
	return ctx.Err()
}

// hold goes on after its call, and does not care.
func (s *service) hold(ctx context.Context) {
	<-s.forever
	_ = ctx.Err()
}

const tidies = -2 // asked for as the size of an answer

// tidy goes on when its client has given up: it and a goroutine of it have something to bring to an end.
func (s *service) tidy(ctx context.Context) error {
	done := make(chan error)
	go func() {
		<-s.over
		done <- ctx.Err()
	}()
	<-ctx.Done()
	s.tidying.Add(1)
	return <-done
}

func (s *service) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if err := s.lookup(ctx); err != nil {
		return nil, err
	}
	if in.FillUsername {
		go s.hold(ctx) // FIND:hold
	}
	if in.ResponseSize == tidies {
		return nil, s.tidy(ctx)
	}
	if in.ResponseSize < 0 { // the client asked for a call that takes longer than it waits
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &pb.SimpleResponse{Payload: payload(int(in.ResponseSize))}, nil
}

func (s *service) StreamingOutputCall(in *pb.StreamingOutputCallRequest, out pb.TestService_StreamingOutputCallServer) error {
	for _, part := range in.ResponseParameters {
		if err := s.lookup(out.Context()); err != nil {
			return err
		}
		if err := out.Send(&pb.StreamingOutputCallResponse{Payload: payload(int(part.Size))}); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) StreamingInputCall(in pb.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		request, err := in.Recv()
		if err == io.EOF {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(request.Payload.Body)
	}
}

func (s *service) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		answer := &pb.StreamingOutputCallResponse{Payload: payload(len(request.Payload.Body))}
		if err := s.lookup(stream.Context()); err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}
