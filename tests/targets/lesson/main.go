// SPDX-License-Identifier: Apache-2.0

// lesson is the listings of the lesson as one program: -listing names one, -wrong chooses what the lesson warns of. It
// serves net/http on loopback and is its own client. At "run" it makes its requests and answers when the state that the
// listing is about is reached; that state stays until the end. tests/e2e/lesson.py says what is to be found in each.
//
// The harness looks for the LESSON comments: the lines they stand on are those that a report must name.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"

	"targets/target"
)

// listing is one of the lesson. Both functions return when the state is reached, with how often what is to be found is
// there; right is 0 by definition.
type listing struct {
	right func(p *program)
	wrong func(p *program) int
}

var listings = map[string]listing{
	"get-user":              {getUserRight, getUserWrong},
	"process-items":         {processItemsRight, processItemsWrong},
	"missing-cancel":        {missingCancelRight, missingCancelWrong},
	"run-pipeline":          {runPipelineRight, runPipelineWrong},
	"assemble-response":     {assembleResponseRight, nil},
	"todo-in-request":       {todoInRequestRight, todoInRequestWrong},
	"background-in-request": {backgroundInRequestRight, backgroundInRequestWrong},
	"stored-context":        {storedContextRight, storedContextWrong},
	"outlives":              {outlivesRight, outlivesWrong},
	"outlives-detached":     {outlivesDetachedRight, nil},
}

// truth: requests made by clients, answers by status ("none" where the client gave up), handlers that have not
// returned, and how often what is to be found is there.
type truth struct {
	Listing  string         `json:"listing"`
	IsWrong  bool           `json:"wrong"`
	Requests int64          `json:"requests"`
	Answers  map[string]int `json:"answers"`
	Serving  int64          `json:"serving"`
	Expected int            `json:"expected"`
}

func main() {
	name := flag.String("listing", "", strings.Join(names(), ", "))
	isWrong := flag.Bool("wrong", false, "do what the lesson warns of")
	flag.Parse()
	chosen, isKnown := listings[*name]
	if !isKnown || *isWrong && chosen.wrong == nil {
		fmt.Fprintf(os.Stderr, "lesson: no such listing; there are: %s\n", strings.Join(names(), ", "))
		os.Exit(2)
	}
	log.SetOutput(io.Discard)

	life, end := context.WithCancel(context.Background())
	defer end()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := newProgram(life, "http://"+listener.Addr().String())
	go (&http.Server{Handler: p.mux}).Serve(listener)
	openDatabase()

	expected := 0
	target.Ready()
	target.Commands(func(command string) {
		if command != "run" {
			return
		}
		if *isWrong {
			expected = chosen.wrong(p)
		} else {
			chosen.right(p)
		}
	})
	target.Truth(truth{
		Listing: *name, IsWrong: *isWrong, Requests: p.asked.Load(), Answers: p.answered(), Serving: serving.Load(),
		Expected: expected,
	})
}

func names() []string {
	var all []string
	for name := range listings {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}
