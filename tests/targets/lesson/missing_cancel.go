// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"time"
)

// Not for requests but for a job that runs again and again: "use WithTimeout at entry points (HTTP handlers, gRPC
// handlers, cron jobs)".

func refreshPricesWrong(p *program) error {
	ctx, _ := context.WithTimeout(p.life, time.Hour) // LESSON:missing-cancel
	_, err := get(ctx, p.client, p.url+"/prices")
	return err
}

func refreshPrices(p *program) error {
	ctx, cancel := context.WithTimeout(p.life, time.Hour)
	defer cancel()
	_, err := get(ctx, p.client, p.url+"/prices")
	return err
}

const refreshes = 20

func startRefreshes(p *program, refresh func(p *program) error) {
	p.mux.HandleFunc("/prices", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("1.99")) })
	for i := 0; i < refreshes; i++ {
		if err := refresh(p); err != nil {
			panic(err)
		}
	}
}

func missingCancelWrong(p *program) int {
	startRefreshes(p, refreshPricesWrong)
	return refreshes
}

func missingCancelRight(p *program) {
	startRefreshes(p, refreshPrices)
}
