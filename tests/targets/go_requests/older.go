// SPDX-License-Identifier: Apache-2.0

//go:build !go1.21

package main

import "context"

func withoutCancel(context.Context) context.Context { return context.Background() }

func afterFunc(context.Context, func()) {}
