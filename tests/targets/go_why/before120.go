// SPDX-License-Identifier: Apache-2.0

//go:build !go1.20

package main

func causes()          {}
func caused(count int) { pairs(count) }
