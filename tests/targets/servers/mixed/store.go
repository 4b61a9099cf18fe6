// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/semaphore"
	_ "modernc.org/sqlite"
)

// A query that takes for ever, unless its context ends it.
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

// store is a database in a file of its own, behind database/sql's pool of connections.
type store struct {
	directory string
	db        *sql.DB
	insert    *sql.Stmt
	writer    *semaphore.Weighted // there is one at a time: who waits for SQLite's own lock does not mind a context
}

func openStore(life context.Context) *store {
	directory, err := os.MkdirTemp("", "ctxtrace-mixed-")
	if err != nil {
		panic(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(directory, "store.db")+
		"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(off)&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(3 * time.Second)
	db.SetConnMaxIdleTime(2 * time.Second)
	ctx, cancel := context.WithTimeout(life, time.Minute)
	defer cancel()
	if _, err = db.ExecContext(ctx, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"); err != nil {
		panic(err)
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO notes (text) VALUES (?)")
	if err != nil {
		panic(err)
	}
	return &store{directory, db, insert, semaphore.NewWeighted(1)}
}

func (s *store) close() {
	s.insert.Close()
	s.db.Close()
	os.RemoveAll(s.directory)
}

func (s *store) count(ctx context.Context) error {
	var count int
	return s.db.QueryRowContext(ctx, "SELECT count(*) FROM notes").Scan(&count)
}

func (s *store) add(ctx context.Context, text string) error {
	if err := s.writer.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.writer.Release(1)
	_, err := s.insert.ExecContext(ctx, text)
	return err
}

// newest reads row by row.
func (s *store) newest(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT id, text FROM notes ORDER BY id DESC LIMIT 20")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
	}
	return rows.Err()
}

// replace is a transaction: the oldest notes for a new one. It is rolled back when the caller wants that.
func (s *store) replace(ctx context.Context, isKept bool) error {
	if err := s.writer.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.writer.Release(1)
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err = tx.StmtContext(ctx, s.insert).ExecContext(ctx, "replaced"); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, "DELETE FROM notes WHERE id <= (SELECT max(id) - 100 FROM notes)"); err != nil {
		return err
	}
	if !isKept {
		return tx.Rollback()
	}
	return tx.Commit()
}

func (s *server) query(w http.ResponseWriter, r *http.Request) {
	err := s.store.newest(r.Context())
	if err == nil {
		err = s.store.count(r.Context())
	}
	s.answer(w, r, err)
}

func (s *server) write(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	s.answer(w, r, s.store.replace(ctx, r.URL.RawQuery != "back"))
}

// prepared has a statement of its own, on a connection of its own.
func (s *server) prepared(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	conn, err := s.store.db.Conn(ctx)
	if err != nil {
		s.answer(w, r, err)
		return
	}
	defer conn.Close()
	statement, err := conn.PrepareContext(ctx, "SELECT count(*) FROM notes WHERE id > ?")
	if err != nil {
		s.answer(w, r, err)
		return
	}
	defer statement.Close()
	for id := 0; id < 3 && err == nil; id++ {
		var count int
		err = statement.QueryRowContext(ctx, id).Scan(&count)
	}
	s.answer(w, r, err)
}

// slowQuery is ended by its deadline, or by a client that goes away.
func (s *server) slowQuery(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 50*time.Millisecond)
	defer cancel()
	var count int
	err := s.store.db.QueryRowContext(ctx, endless).Scan(&count)
	switch {
	case err == nil:
		err = errors.New("an endless query has ended")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = nil
	}
	s.answer(w, r, err)
}
