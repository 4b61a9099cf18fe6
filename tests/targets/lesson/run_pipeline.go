// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"

	"targets/target"
)

// Stage is a step of a pipeline.
type Stage struct{ fails bool }

// stagesRun counts stages that have run to their end.
var stagesRun target.Counter

var errStage = errors.New("this stage failed")

// Run does a stage's work, or what there is of it.
func (s Stage) Run(ctx context.Context) error {
	defer stagesRun.Add(1)
	if s.fails {
		return errStage
	}
	return ctx.Err()
}

// RunPipelineWrong is the lesson's, printed as RIGHT: cancel all workers if any one of them fails. Stages send only
// errors and the collector waits for all, so it hangs when one succeeds and none fails.
func RunPipelineWrong(ctx context.Context, stages []Stage) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errCh := make(chan error, len(stages))
	for _, stage := range stages {
		stage := stage // capture loop variable
		go func() {
			if err := stage.Run(ctx); err != nil {
				errCh <- err
				cancel() // signal all other goroutines to stop
			}
		}()
	}
	// Wait and collect first error
	for range stages {
		if err := <-errCh; err != nil { // LESSON:run-pipeline-at
			return err
		}
	}
	return nil
}

func handlePipelineWrong(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	if err := RunPipelineWrong(r.Context(), stagesFor(r)); err != nil { // LESSON:run-pipeline
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// RunPipeline: each stage sends, whatever became of it.
func RunPipeline(ctx context.Context, stages []Stage) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errCh := make(chan error, len(stages))
	for _, stage := range stages {
		stage := stage // capture loop variable
		go func() {
			err := stage.Run(ctx)
			errCh <- err
			if err != nil {
				cancel() // signal all other goroutines to stop
			}
		}()
	}
	// Wait and collect first error
	for range stages {
		if err := <-errCh; err != nil {
			return err
		}
	}
	return nil
}

func handlePipeline(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	if err := RunPipeline(r.Context(), stagesFor(r)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func stagesFor(r *http.Request) []Stage {
	stages := make([]Stage, stagesEach)
	if r.URL.Path == "/failing" {
		stages[0].fails = true
	}
	return stages
}

const (
	pipelines  = 4 // of each: one stage fails, all succeed
	stagesEach = 3
)

// startPipelines returns when all stages of all pipelines have run.
func startPipelines(p *program, handler http.HandlerFunc) {
	p.mux.HandleFunc("/failing", handler)
	p.mux.HandleFunc("/succeeding", handler)
	p.askAndWait(pipelines, "/failing")
	p.askAtOnce(p.life, pipelines, "/succeeding")
	waitUntil("stages", func() bool { return stagesRun.Load() == 2*pipelines*stagesEach })
}

func runPipelineWrong(p *program) int {
	startPipelines(p, handlePipelineWrong)
	return pipelines
}

func runPipelineRight(p *program) {
	startPipelines(p, handlePipeline)
	p.waitAnswers(2 * pipelines)
}
