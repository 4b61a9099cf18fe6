// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"targets/target"
)

// What the three services answer.
type (
	Profile     struct{ Status int }
	Preferences struct{ Status int }
	Activity    struct{ Status int }
	Response    struct {
		Profile     Profile
		Preferences Preferences
		Recents     []Activity
	}
)

// service is one downstream API.
type service struct {
	client *http.Client
	url    string
}

// call has a limit of its own; the shared deadline comes first and ends it.
func (s service) call(ctx context.Context, userID string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // LESSON:call
	defer cancel()
	return get(ctx, s.client, s.url+"?id="+userID)
}

type (
	profileService  struct{ service }
	prefsService    struct{ service }
	activityService struct{ service }
)

func (s profileService) Get(ctx context.Context, userID string) (Profile, error) {
	status, err := s.call(ctx, userID)
	return Profile{status}, err
}

func (s prefsService) Get(ctx context.Context, userID string) (Preferences, error) {
	status, err := s.call(ctx, userID)
	return Preferences{status}, err
}

func (s activityService) Recent(ctx context.Context, userID string) ([]Activity, error) {
	status, err := s.call(ctx, userID)
	return []Activity{{status}}, err
}

var (
	profileSvc  profileService
	prefsSvc    prefsService
	activitySvc activityService
)

func buildResponse(profile Profile, prefs Preferences, recents []Activity) *Response {
	return &Response{profile, prefs, recents}
}

// assembleResponse: parallel downstream calls that all respect the same deadline.
func assembleResponse(ctx context.Context, userID string) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // LESSON:assemble-response
	defer cancel()
	var (
		profile                          Profile
		prefs                            Preferences
		recents                          []Activity
		profileErr, prefsErr, recentsErr error
		wg                               sync.WaitGroup
	)
	wg.Add(3)
	go func() { defer wg.Done(); profile, profileErr = profileSvc.Get(ctx, userID) }()
	go func() { defer wg.Done(); prefs, prefsErr = prefsSvc.Get(ctx, userID) }()
	go func() { defer wg.Done(); recents, recentsErr = activitySvc.Recent(ctx, userID) }()
	wg.Wait()
	if profileErr != nil {
		return nil, fmt.Errorf("profile: %w", profileErr)
	}
	// prefs and recents are non-critical — log and continue
	if prefsErr != nil {
		log.Printf("prefs unavailable for %s: %v", userID, prefsErr)
	}
	if recentsErr != nil {
		log.Printf("recents unavailable for %s: %v", userID, recentsErr)
	}
	return buildResponse(profile, prefs, recents), nil
}

func handleAssemble(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	response, err := assembleResponse(r.Context(), r.URL.Query().Get("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	json.NewEncoder(w).Encode(response)
}

// inFlight is how many calls have come to a slow service and wait there.
var inFlight target.Counter

func serveSlowly(w http.ResponseWriter, r *http.Request) {
	serving.Add(1)
	defer serving.Add(-1)
	inFlight.Add(1)
	<-r.Context().Done() // until the caller gives up
}

// assembleResponseRight is one request: its three calls are all in flight at the deadline. When the machine
// was too busy for that, it says so.
func assembleResponseRight(p *program) {
	p.mux.HandleFunc("/response", handleAssemble)
	for _, name := range []string{"/profile", "/prefs", "/activity"} {
		p.mux.HandleFunc(name, serveSlowly)
	}
	profileSvc = profileService{service{p.client, p.url + "/profile"}}
	prefsSvc = prefsService{service{p.client, p.url + "/prefs"}}
	activitySvc = activityService{service{p.client, p.url + "/activity"}}
	p.askAtOnce(p.life, 1, "/response")
	p.waitAnswers(1)
	if inFlight.Load() != 3 {
		target.Say("state missed")
	}
}
