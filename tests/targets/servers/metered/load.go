// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"targets/target"
)

const (
	shoppers = 8
	patience = 300 * time.Millisecond // of who waits for a preview
)

type customers struct {
	life    context.Context
	url     string
	running sync.WaitGroup
	errors  target.Counter
}

// start sends customers: many who buy and search, so many a second, and two who wait.
func start(life context.Context, url string, rate int) *customers {
	c := &customers{life: life, url: url}
	pause := time.Second * shoppers / time.Duration(rate)
	for i := range shoppers {
		c.visit([]string{"/checkout", "/search"}[i%2], pause)
	}
	c.visit("/preview", 200*time.Millisecond)
	c.visit("/export", 200*time.Millisecond)
	return c
}

func (c *customers) visit(path string, pause time.Duration) {
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-c.life.Done():
				return
			case <-ticker.C:
				if err := c.get(path); err != nil && c.life.Err() == nil {
					c.errors.Add(1)
				}
			}
		}
	}()
}

func (c *customers) get(path string) error {
	ctx, cancel := context.WithCancel(c.life)
	defer cancel()
	if path == "/preview" {
		defer time.AfterFunc(patience, cancel).Stop()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
