// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// User is a row.
type User struct{ ID, Name, Email string }

// GetUserWrong: no timeout, no cancellation, blocks indefinitely.
func GetUserWrong(userID string) (*User, error) {
	row := db.QueryRow("SELECT * FROM users WHERE id = $1", userID)
	var u User
	if err := row.Scan(&u.ID, &u.Name, &u.Email); err != nil {
		return nil, err
	}
	return &u, nil
}

func handleGetUserWrong(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	user, err := GetUserWrong(r.URL.Query().Get("id")) // LESSON:get-user
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(user)
}

// GetUser: the context flows through, the query respects cancellation.
func GetUser(ctx context.Context, userID string) (*User, error) {
	row := db.QueryRowContext(ctx, "SELECT * FROM users WHERE id = $1", userID)
	var u User
	if err := row.Scan(&u.ID, &u.Name, &u.Email); err != nil {
		return nil, err
	}
	return &u, nil
}

// The caller sets a deadline so the whole operation is bounded.
func handleGetUser(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel() // ALWAYS defer cancel — prevents context leak
	user, err := GetUser(ctx, r.URL.Query().Get("id"))
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			http.Error(w, "upstream timeout", http.StatusGatewayTimeout)
			return
		}
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(user)
}

const (
	usersBefore = 10 // requests before the database stalls
	usersAfter  = 5  // and while it does
)

// startUsers returns when the database has stalled and every later query waits for it.
func startUsers(p *program, handler http.HandlerFunc) {
	p.mux.HandleFunc("/user", handler)
	p.askAndWait(usersBefore, "/user")
	stallDatabase()
	p.askAtOnce(p.life, usersAfter, "/user")
	waitUntil("queries that wait", func() bool { return database.stalled.Load() == usersAfter })
}

func getUserWrong(p *program) int {
	startUsers(p, handleGetUserWrong)
	return usersAfter
}

func getUserRight(p *program) {
	startUsers(p, handleGetUser)
	p.waitAnswers(usersBefore + usersAfter)
}
