// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"time"
)

// The two listings of "context.TODO and context.Background in application code".

// recommendWrong asks a service. It never got a context parameter: the placeholder calcified.
func recommendWrong(p *program) error {
	ctx, cancel := context.WithTimeout(context.TODO(), 10*time.Second) // LESSON:todo-in-request
	defer cancel()
	_, err := get(ctx, p.client, p.url+"/recommendations")
	return err
}

func recommend(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := get(ctx, p.client, p.url+"/recommendations")
	return err
}

const recommendations = 10

func startRecommendations(p *program, call func(r *http.Request) error) {
	p.mux.HandleFunc("/recommendations", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("books")) })
	p.mux.HandleFunc("/home", func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Add(-1)
		if err := call(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	p.askAndWait(recommendations, "/home")
}

func todoInRequestWrong(p *program) int {
	startRecommendations(p, func(*http.Request) error { return recommendWrong(p) })
	return recommendations
}

func todoInRequestRight(p *program) {
	startRecommendations(p, func(r *http.Request) error { return recommend(r.Context(), p) })
}

// auditWrong is a call that every request makes. It goes on when the client has given up.
func auditWrong(p *program) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // LESSON:background-in-request
	defer cancel()
	_, err := get(ctx, p.client, p.url+"/audit")
	return err
}

func audit(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := get(ctx, p.client, p.url+"/audit")
	return err
}

const orders = 10

func startOrders(p *program, call func(r *http.Request) error) {
	p.mux.HandleFunc("/audit", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("noted")) })
	p.mux.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Add(-1)
		if err := call(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	p.askAndWait(orders, "/order")
}

func backgroundInRequestWrong(p *program) int {
	startOrders(p, func(*http.Request) error { return auditWrong(p) })
	return orders
}

func backgroundInRequestRight(p *program) {
	startOrders(p, func(r *http.Request) error { return audit(r.Context(), p) })
}
