// SPDX-License-Identifier: Apache-2.0

//go:build !fixed

package main

import "github.com/cilium/cilium/pkg/completion"

func addTo(group *completion.WaitGroup) *completion.Completion {
	return group.AddCompletion()
}
