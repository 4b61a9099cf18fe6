// SPDX-License-Identifier: Apache-2.0

// nats is the clients of a nats-server: subscribers that stay, publishers, requests with a deadline, a JetStream consumer,
// and connections that come and go. Correct code; the server is a process of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"targets/target"
)

const (
	subscribers = 20
	workers     = 8
)

type truth struct {
	Requests    int64 `json:"requests"`
	Received    int64 `json:"received"`
	Connections int64 `json:"connections"`
	Errors      int64 `json:"errors"`
}

type load struct {
	url     string
	isOver  atomic.Bool
	running sync.WaitGroup

	requests, received, connections, errors atomic.Int64
}

func main() {
	l := &load{}
	flag.StringVar(&l.url, "url", nats.DefaultURL, "of the server")
	flag.Parse()
	life, end := context.WithCancel(context.Background())
	connection := l.connect()
	l.subscribe(connection)
	for i := 0; i < workers; i++ {
		l.run(func() error { return request(life, connection) })
	}
	l.run(func() error { return l.comeAndGo(life) })
	l.stream(life, connection)
	target.Ready()
	target.Commands(func(string) {})
	l.isOver.Store(true)
	l.running.Wait()
	end()
	connection.Close()
	target.Truth(truth{l.requests.Load(), l.received.Load(), l.connections.Load(), l.errors.Load()})
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (l *load) connect() *nats.Conn {
	connection, err := nats.Connect(l.url, nats.Timeout(time.Minute))
	fatal(err)
	l.connections.Add(1)
	return connection
}

// run repeats a step until the end, and counts.
func (l *load) run(step func() error) {
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		for !l.isOver.Load() {
			if err := step(); err != nil {
				l.errors.Add(1)
			}
			l.requests.Add(1)
		}
	}()
}

func (l *load) subscribe(connection *nats.Conn) {
	for i := 0; i < subscribers; i++ {
		_, err := connection.Subscribe("news.>", func(*nats.Msg) { l.received.Add(1) })
		fatal(err)
	}
	_, err := connection.QueueSubscribe("ask", "answerers", func(message *nats.Msg) { message.Respond(message.Data) })
	fatal(err)
	fatal(connection.Flush())
}

func request(life context.Context, connection *nats.Conn) error {
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	if _, err := connection.RequestWithContext(ctx, "ask", []byte("what")); err != nil {
		return err
	}
	return connection.Publish("news.today", []byte("nothing"))
}

// comeAndGo is a client that connects, listens, asks and leaves.
func (l *load) comeAndGo(life context.Context) error {
	connection := l.connect()
	defer connection.Close()
	listening, err := connection.SubscribeSync("news.today")
	if err != nil {
		return err
	}
	if err := request(life, connection); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	_, err = listening.NextMsgWithContext(ctx)
	return err
}

// stream publishes to JetStream and consumes what comes back, in two ways.
func (l *load) stream(life context.Context, connection *nats.Conn) {
	js, err := jetstream.New(connection)
	fatal(err)
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "orders", Subjects: []string{"orders.>"}, Storage: jetstream.MemoryStorage, MaxMsgs: 10000})
	fatal(err)
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	fatal(err)
	_, err = consumer.Consume(func(jetstream.Msg) { l.received.Add(1) })
	fatal(err)
	l.run(func() error { return order(life, js) })
	puller, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	fatal(err)
	l.run(func() error { return pull(puller) })
}

func order(life context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	_, err := js.Publish(ctx, "orders.new", make([]byte, 100))
	return err
}

func pull(consumer jetstream.Consumer) error {
	batch, err := consumer.Fetch(10, jetstream.FetchMaxWait(time.Second))
	if err != nil {
		return err
	}
	for range batch.Messages() {
	}
	return batch.Error()
}
