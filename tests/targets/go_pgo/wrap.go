// SPDX-License-Identifier: Apache-2.0

package main

import "context"

// Values that look like a context in memory: the first word is a context.Context's table, the second its data, the
// rest zero, in each of the sizes a context has.
type (
	session64 struct {
		context.Context
		rest [6]uint64
	}
	session80 struct {
		context.Context
		rest [7]uint64
		next *session80
	}
	session112 struct {
		context.Context
		rest [11]uint64
		next *session112
	}
)

var wrapped struct {
	small  []*session64
	medium []*session80
	large  []*session112
	lists  [][]context.Context
	end    context.CancelFunc
}

func wrapAll(root context.Context) {
	ctx, end := context.WithCancel(root)
	wrapped.end = end
	for i := 0; i < each; i++ {
		wrapped.small = append(wrapped.small, &session64{Context: ctx})
		wrapped.medium = append(wrapped.medium, &session80{Context: ctx})
		wrapped.large = append(wrapped.large, &session112{Context: ctx})
		list := make([]context.Context, 5) // 80 bytes, as a cancelCtx
		list[0] = ctx
		wrapped.lists = append(wrapped.lists, list)
	}
}
