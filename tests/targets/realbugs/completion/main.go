// SPDX-License-Identifier: Apache-2.0

// completion waits for cilium's wait groups under one long-lived context: v1.19.0 never cancels the context a wait
// group makes, v1.20.2 does when Wait returns (fixed.mod).
package main

import (
	"context"
	"fmt"

	"github.com/cilium/cilium/pkg/completion"
)

func work(root context.Context, runs int) {
	for i := 0; i < runs; i++ {
		group := completion.NewWaitGroup(root)
		pending := addTo(group)
		pending.Complete(nil)
		if err := group.Wait(); err != nil {
			panic(fmt.Sprintf("group %d: %v", i, err))
		}
	}
}
