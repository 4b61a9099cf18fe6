// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"targets/target"
)

// db is a database on loopback TCP. Its protocol is a line per query and a line with the row.
var db *sql.DB

// database is its server: it answers until it stalls, then it reads and says nothing, as one behind a network partition.
var database struct {
	isStalled int32
	stalled   target.Counter // queries that wait for ever
}

func stallDatabase() { atomic.StoreInt32(&database.isStalled, 1) }

func openDatabase() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go serveDatabase(client)
		}
	}()
	db = sql.OpenDB(connector{listener.Addr().String()})
}

func serveDatabase(client net.Conn) {
	defer client.Close()
	for in := bufio.NewScanner(client); in.Scan(); {
		if atomic.LoadInt32(&database.isStalled) != 0 {
			database.stalled.Add(1)
			continue
		}
		id := in.Text()[strings.LastIndexByte(in.Text(), '|')+1:]
		fmt.Fprintf(client, "%s|name of %s|%s@example.org\n", id, id, id)
	}
}

type connector struct{ address string }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	return &conn{socket: socket, in: bufio.NewReader(socket)}, nil
}

func (c connector) Driver() driver.Driver { return nil }

type conn struct {
	socket net.Conn
	in     *bufio.Reader
	isBad  bool
}

var errUnsupported = errors.New("not supported by this driver")

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, errUnsupported }
func (c *conn) Begin() (driver.Tx, error)           { return nil, errUnsupported }
func (c *conn) Close() error                        { return c.socket.Close() }
func (c *conn) IsValid() bool                       { return !c.isBad }

// QueryContext waits for the row. As in real drivers, a goroutine looks at the context and ends the wait.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if _, err := fmt.Fprintf(c.socket, "%s|%v\n", query, args[0].Value); err != nil {
		return nil, driver.ErrBadConn
	}
	if ctx.Done() != nil {
		answered, watched := make(chan struct{}), make(chan struct{})
		defer func() { close(answered); <-watched }()
		go func() {
			defer close(watched)
			select {
			case <-ctx.Done():
				c.socket.SetReadDeadline(time.Unix(1, 0))
			case <-answered:
			}
		}()
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.isBad = true
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return &rows{strings.Split(strings.TrimSpace(line), "|")}, nil
}

type rows struct{ row []string }

func (r *rows) Columns() []string { return []string{"id", "name", "email"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(values []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	for i := range values {
		values[i] = r.row[i]
	}
	r.row = nil
	return nil
}
