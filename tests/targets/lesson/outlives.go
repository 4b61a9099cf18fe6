// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"targets/target"
)

// Goroutines that run long after the user who triggered them gave up.

type orderKey struct{}

const (
	reports     = 5
	reportSteps = 100000 // more than half an hour
)

// How many reports were begun and given up.
var begun, givenUp target.Counter

func writeStep(ctx context.Context, step int) {
	log.Printf("%v: step %d", ctx.Value(orderKey{}), step)
	time.Sleep(20 * time.Millisecond)
}

func writeReportWrong(ctx context.Context) {
	begun.Add(1)
	for step := 0; step < reportSteps; step++ {
		writeStep(ctx, step) // LESSON:outlives-at
	}
}

func handleReportWrong(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	ctx := context.WithValue(r.Context(), orderKey{}, r.URL.Query().Get("id"))
	go writeReportWrong(ctx) // LESSON:outlives
	w.WriteHeader(http.StatusAccepted)
}

func writeReport(ctx context.Context) {
	begun.Add(1)
	defer givenUp.Add(1)
	for step := 0; step < reportSteps; step++ {
		select {
		case <-ctx.Done():
			return
		default:
		}
		writeStep(ctx, step)
	}
}

func handleReport(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	ctx := context.WithValue(r.Context(), orderKey{}, r.URL.Query().Get("id"))
	go writeReport(ctx)
	w.WriteHeader(http.StatusAccepted)
}

// The report is meant to be written after the answer: it keeps the request's values, not its end, and has a limit.
func handleReportDetached(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	ctx := context.WithValue(r.Context(), orderKey{}, r.URL.Query().Get("id"))
	go writeReportDetached(context.WithoutCancel(ctx))
	w.WriteHeader(http.StatusAccepted)
}

func writeReportDetached(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	writeReport(ctx)
}

func startReports(p *program, handler http.HandlerFunc) {
	p.mux.HandleFunc("/report", handler)
	p.askAndWait(reports, "/report")
	p.waitAnswers(reports)
}

func outlivesWrong(p *program) int {
	startReports(p, handleReportWrong)
	waitUntil("reports being written", func() bool { return begun.Load() == reports })
	return reports
}

func outlivesRight(p *program) {
	startReports(p, handleReport)
	waitUntil("reports given up", func() bool { return givenUp.Load() == reports })
}

func outlivesDetachedRight(p *program) {
	startReports(p, handleReportDetached)
	waitUntil("reports being written", func() bool { return begun.Load() == reports })
}
