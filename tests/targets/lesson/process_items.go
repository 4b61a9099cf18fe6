// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"time"

	"targets/target"
)

// Item is what a batch consists of.
type Item int

// What was saved: how many results, and their sum.
var saved, savedSum target.Counter

func expensiveOperation(item Item) (int64, error) {
	time.Sleep(20 * time.Millisecond)
	return int64(item) % 2, nil
}

func saveResult(result int64) {
	savedSum.Add(result)
	saved.Add(1)
}

// ProcessItemsWrong: context accepted but ignored inside the loop.
func ProcessItemsWrong(ctx context.Context, items []Item) error {
	for _, item := range items {
		// This could take forever if items is huge.
		// If ctx is cancelled, we don't notice until it's done.
		result, err := expensiveOperation(item) // LESSON:process-items-at
		if err != nil {
			return err
		}
		saveResult(result)
	}
	return nil
}

func handleItemsWrong(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	go noteGone(r.Context().Done())
	if err := ProcessItemsWrong(r.Context(), make([]Item, hugeBatch)); err != nil { // LESSON:process-items
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// ProcessItems: the loop respects cancellation.
func ProcessItems(ctx context.Context, items []Item) error {
	for _, item := range items {
		// Check before doing expensive work
		select {
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		result, err := expensiveOperation(item)
		if err != nil {
			return err
		}
		saveResult(result)
	}
	return nil
}

func handleItems(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	go noteGone(r.Context().Done())
	if err := ProcessItems(r.Context(), make([]Item, hugeBatch)); err != nil {
		return // its client is gone: nobody to tell, and no error of ours
	}
}

const (
	hugeBatch = 100000 // more than half an hour
	batches   = 5
)

// gone is how many requests' contexts have ended. It keeps no context, only what says that it ended.
var gone target.Counter

func noteGone(done <-chan struct{}) {
	<-done
	gone.Add(1)
}

// startBatches returns when every batch is at work, its client has gone away, and its handler could know it.
func startBatches(p *program, handler http.HandlerFunc) {
	p.mux.HandleFunc("/batch", handler)
	clients, leave := context.WithCancel(p.life)
	defer leave()
	p.askAtOnce(clients, batches, "/batch")
	waitUntil("batches at work", func() bool { return serving.Load() == batches && saved.Load() > 2*batches })
	leave()
	waitUntil("clients to be gone", func() bool { return gone.Load() == batches })
}

func processItemsWrong(p *program) int {
	startBatches(p, handleItemsWrong)
	return batches
}

func processItemsRight(p *program) {
	startBatches(p, handleItems)
	p.waitAnswers(batches)
}
