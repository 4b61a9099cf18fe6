// SPDX-License-Identifier: Apache-2.0

// metered is a shop that tells Prometheus of itself, as Go services do, and its customers, in one process. With -leak it
// does wrong what the dashboards have a panel for: lost cancel functions, with a timer and without, deadlines that are
// used up, work that ignores its cancellation, requests without a deadline.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"targets/target"
)

type truth struct {
	Requests int64            `json:"requests"`
	Errors   int64            `json:"errors"`
	Lost     map[string]int64 `json:"lost"`
}

func main() {
	rate := flag.Int("rate", 100, "requests a second")
	isLeaking := flag.Bool("leak", false, "do it wrong")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	life, end := context.WithCancel(context.Background())
	s := &shop{life: life, isLeaking: *isLeaking}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/checkout", s.checkout)
	mux.HandleFunc("/search", s.search)
	mux.HandleFunc("/preview", s.preview)
	mux.HandleFunc("/export", s.export)
	web := &http.Server{Handler: mux}
	go web.Serve(listener)

	customers := start(life, "http://"+listener.Addr().String(), *rate)
	go collect(life)
	target.Say("metrics %s", listener.Addr())
	target.Ready()
	target.Commands(func(string) {})
	end()
	web.Close()
	customers.running.Wait()
	target.Truth(truth{
		Requests: s.requests.Load(), Errors: customers.errors.Load(),
		Lost: map[string]int64{"subscribe": s.subscribed.Load(), "lookup": s.lookedUp.Load()},
	})
}

// collect is what a larger program does by itself: whether a cancel function is lost is known after a collection.
func collect(life context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-ticker.C:
			runtime.GC()
		}
	}
}
