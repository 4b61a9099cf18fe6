// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

type scenario struct {
	name string
	run  func() made
}

// scenarios are run in this order by every worker, then the newer ones, which not every Go release can. Each waits for
// what it caused, so that its counts are final when it returns.
var scenarios = []scenario{
	{"explicit", explicit},
	{"twice", twice},
	{"explicit-deadline", explicitDeadline},
	{"fired", fired},
	{"cascade", cascade},
	{"cascade-deadline", cascadeDeadline},
	{"born-dead", bornDead},
	{"born-late", bornLate},
	{"born-dead-and-late", bornDeadAndLate},
	{"shorter-parent", shorterParent},
	{"values", values},
	{"embedding", embedding},
	{"foreign", foreign},
	{"notify", notify},
	{"wide", wide},
	{"concurrent", concurrent},
	{"live", stayLive},
}

func explicit() made {
	_, cancel := context.WithCancel(context.Background())
	cancel()
	return made{cancel: 1, explicit: 1}
}

func twice() made {
	_, cancel := context.WithCancel(context.TODO())
	cancel()
	cancel()
	cancel()
	return made{cancel: 1, explicit: 1, cancelCalled: 2}
}

func explicitDeadline() made {
	_, cancel := context.WithTimeout(context.Background(), time.Hour)
	cancel()
	cancel()
	return made{deadline: 1, explicit: 1, cancelCalled: 1}
}

func fired() made {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	<-ctx.Done()
	cancel()
	return made{deadline: 1, byDeadline: 1, cancelCalled: 1}
}

func cascade() made {
	parent, cancelParent := context.WithCancel(context.Background())
	_, cancel1 := context.WithCancel(parent)
	child, cancel2 := context.WithTimeout(context.WithValue(parent, key(1), 1), time.Hour)
	_, cancel3 := context.WithCancel(child)
	cancelParent()
	cancel1()
	cancel2()
	_ = cancel3
	return made{cancel: 3, deadline: 1, explicit: 1, byParent: 3, cancelCalled: 2}
}

func cascadeDeadline() made {
	parent, cancelParent := context.WithTimeout(context.Background(), 2*time.Millisecond)
	child, cancel := context.WithCancel(parent)
	later, cancelLater := context.WithTimeout(parent, time.Hour) // the parent's deadline is sooner: kind cancel
	<-child.Done()
	<-later.Done()
	cancel()
	cancelLater()
	cancelParent()
	return made{cancel: 2, deadline: 1, byDeadline: 1, byParent: 2, cancelCalled: 3}
}

func deadParent() (context.Context, made) {
	parent, cancel := context.WithCancel(context.Background())
	cancel()
	return parent, made{cancel: 1, explicit: 1}
}

func bornDead() made {
	parent, m := deadParent()
	_, cancel := context.WithCancel(parent)
	_, cancelTimer := context.WithTimeout(parent, time.Hour)
	cancel()
	cancelTimer()
	m.cancel++
	m.deadline++
	m.byParent = 2
	m.cancelCalled = 2
	return m
}

func bornLate() made {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	<-ctx.Done()
	cancel()
	_, _ = context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	return made{deadline: 2, byDeadline: 2, cancelCalled: 1}
}

func bornDeadAndLate() made {
	parent, m := deadParent()
	_, cancel := context.WithDeadline(parent, time.Now().Add(-time.Second))
	cancel()
	m.deadline++
	m.byParent++
	m.cancelCalled++
	return m
}

func shorterParent() made {
	parent, cancelParent := context.WithTimeout(context.Background(), time.Minute)
	_, cancel := context.WithTimeout(parent, time.Hour)
	cancel()
	cancelParent()
	return made{cancel: 1, deadline: 1, explicit: 2}
}

type key int

func values() made {
	parent, cancelParent := context.WithCancel(context.Background())
	ctx := parent
	for i := 0; i < 40; i++ {
		ctx = context.WithValue(ctx, key(i), i)
	}
	_, cancel := context.WithCancel(ctx)
	_, cancelOther := context.WithTimeout(ctx, time.Hour)
	cancelOther()
	cancelParent()
	cancel()
	return made{cancel: 2, deadline: 1, explicit: 2, byParent: 1, cancelCalled: 1}
}

func notify() made {
	parent, cancel := context.WithCancel(context.Background())
	_, stop := signal.NotifyContext(parent, os.Signal(syscall.SIGUSR2))
	stop()
	cancel()
	return made{cancel: 2, explicit: 2}
}

func wide() made {
	const children = 100
	parent, cancel := context.WithCancel(context.Background())
	for i := 0; i < children; i++ {
		_, _ = context.WithCancel(parent)
	}
	cancel()
	return made{cancel: children + 1, explicit: 1, byParent: children}
}

// concurrent: of many callers at the same moment one cancels, the others called late.
func concurrent() made {
	const callers = 8
	_, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for i := 0; i < callers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			cancel()
		}()
	}
	group.Wait()
	return made{cancel: 1, explicit: 1, cancelCalled: callers - 1}
}

var (
	keeping sync.Mutex
	kept    []context.CancelFunc
)

func stayLive() made {
	_, cancel := context.WithCancel(context.Background())
	_, cancelTimer := context.WithTimeout(context.Background(), time.Hour)
	keeping.Lock()
	defer keeping.Unlock()
	kept = append(kept, cancel, cancelTimer)
	return made{cancel: 1, deadline: 1}
}
