// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// newer are the scenarios that need Go 1.21.
var newer = []scenario{
	{"causes", causes},
	{"after-func", afterFunc},
	{"after-func-born-dead", afterFuncBornDead},
	{"detached", detached},
	{"foreign-after-func", foreignAfterFunc},
}

var errCause = errors.New("for a reason")

func causes() made {
	parent, cancelParent := context.WithCancelCause(context.Background())
	_, cancel := context.WithCancelCause(parent)
	timed, cancelTimed := context.WithTimeoutCause(parent, time.Millisecond, errCause)
	late, cancelLate := context.WithDeadlineCause(parent, time.Now().Add(-time.Second), errCause)
	<-timed.Done()
	<-late.Done()
	cancelTimed()
	cancelLate()
	cancelParent(errCause)
	cancel(errCause)
	return made{cancel: 2, deadline: 2, explicit: 1, byDeadline: 2, byParent: 1, cancelCalled: 3}
}

func afterFunc() made {
	parent, cancel := context.WithCancel(context.Background())
	var ran sync.WaitGroup
	ran.Add(1)
	stop := context.AfterFunc(parent, func() {})
	context.AfterFunc(parent, ran.Done)
	if !stop() {
		panic("stopped too late")
	}
	cancel()
	ran.Wait()
	return made{cancel: 1, afterFunc: 2, explicit: 2, byParent: 1}
}

func afterFuncBornDead() made {
	parent, m := deadParent()
	var ran sync.WaitGroup
	ran.Add(1)
	context.AfterFunc(parent, ran.Done)
	ran.Wait()
	m.afterFunc++
	m.byParent++
	return m
}

// detached: the end of the parent does not reach what was derived behind WithoutCancel.
func detached() made {
	parent, cancelParent := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	cancelParent()
	if ctx.Err() != nil {
		panic("not detached")
	}
	cancel()
	return made{cancel: 2, explicit: 2}
}

// scheduling has an AfterFunc method too, which package context uses instead of a goroutine.
type scheduling struct {
	*signalled
	functions sync.Map
}

func (s *scheduling) AfterFunc(f func()) func() bool {
	id := new(int)
	s.functions.Store(id, f)
	return func() bool {
		_, isPending := s.functions.LoadAndDelete(id)
		return isPending
	}
}

func (s *scheduling) end() {
	s.signalled.end()
	s.functions.Range(func(id, f any) bool {
		s.functions.Delete(id)
		f.(func())()
		return true
	})
}

func foreignAfterFunc() made {
	parent := &scheduling{signalled: newSignalled()}
	ctx, cancel := context.WithCancel(parent)
	_, cancelEarly := context.WithTimeout(parent, time.Hour)
	cancelEarly()
	parent.end()
	if ctx.Err() == nil {
		panic("the parent's end did not arrive")
	}
	cancel()
	return made{cancel: 1, deadline: 1, explicit: 1, byParent: 1, cancelCalled: 1}
}
