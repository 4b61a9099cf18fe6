// SPDX-License-Identifier: Apache-2.0

// go_tasks starts goroutines that end at once, as many a second as it is told, each with a context of its own to carry.
package main

import (
	"context"
	"flag"
	"sync"
	"time"

	"targets/target"
)

const told = 100000 // it says so whenever so many more have been started and have ended

type truth struct {
	Started int64 `json:"started"`
}

func main() {
	rate := flag.Int("rate", 100000, "goroutines a second; 0: as fast as it goes")
	count := flag.Int64("count", 1000000, "how many in all")
	flag.Parse()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	started := int64(0)
	target.Ready()
	target.Commands(func(string) {
		var group sync.WaitGroup
		batch := int64(*rate / 100)
		if batch == 0 {
			batch = 1000
		}
		next := time.Now()
		for started < *count {
			for i := int64(0); i < batch; i++ {
				group.Add(1)
				go func(ctx context.Context) {
					_ = ctx.Err()
					group.Done()
				}(ctx)
			}
			group.Wait()
			started += batch
			if started/told > (started-batch)/told {
				target.Say("started %d", started)
			}
			if *rate > 0 {
				next = next.Add(10 * time.Millisecond)
				time.Sleep(time.Until(next))
			}
		}
	})
	target.Truth(truth{Started: started})
}
