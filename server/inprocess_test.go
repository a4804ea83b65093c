package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/graph"
	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// patience is how long these tests wait for what must happen, however slow the machine is.
const patience = 3 * time.Minute

// testClock stands still until it is moved, so that no result depends on how fast something runs.
type testClock struct{ start, ahead atomic.Int64 }

// ahead is the clock of the servers of these tests. The name says how it is moved: to a time ahead of its start.
var ahead testClock

// begin has the clock show the time on the wall once more.
func (c *testClock) begin() {
	c.start.Store(store.Now().UnixNano())
	c.ahead.Store(0)
}

// Store moves the clock to nanoseconds after its start.
func (c *testClock) Store(ahead int64) { c.ahead.Store(ahead) }

// Add moves the clock on by nanoseconds.
func (c *testClock) Add(by int64) { c.ahead.Add(by) }

// To moves the clock to a time, unless it is there or later.
func (c *testClock) To(at time.Time) {
	if by := at.Sub(c.Now()); by > 0 {
		c.ahead.Add(int64(by))
	}
}

// Now is what the clock shows.
func (c *testClock) Now() time.Time { return time.Unix(0, c.start.Load()+c.ahead.Load()).UTC() }

// token is the SoftHSM token in which the servers of these tests keep their keys when PKIAAS_TEST_KEYSTORE says so.
var token string

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := tokentest.Dir(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// inProcess is the demo's estate without its listeners: for tests that call GraphQL as anyone.
func inProcess(t testing.TB) (*App, *Manifest) {
	t.Helper()
	return inProcessOn(t, "")
}

// inProcessOn is inProcess with a database, "" is SQLite, and with other settings.
func inProcessOn(t testing.TB, database string, change ...func(*Config)) (*App, *Manifest) {
	t.Helper()
	any := "127.0.0.1:0"
	cfg := &Config{Data: t.TempDir(), Database: database, Listen: any, ListenPublic: any, ListenMTLS: any, Regions: []string{"US"}, CRLInterval: 24 * 3600e9, ClockSkew: 60e9, LogLevel: "error", Demo: true}
	if os.Getenv("PKIAAS_TEST_KEYSTORE") == "softhsm" {
		if token == "" {
			token = tokentest.New(t)
		}
		cfg.Keystore = []string{token}
	}
	for _, c := range change {
		c(cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ahead.begin()
	a.now = ahead.Now
	a.hashCost = identity.HashCost{Passes: 1, Memory: 64, Lanes: 1} // hashing took most of the time of these tests
	if err := a.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ready := make(chan *estate, 1)
	go func() {
		ended <- a.Serve(ctx, func() error {
			e := &estate{App: a, file: cfg.Data + "/estate.json"}
			if err := e.ensure(ctx); err != nil {
				return err
			}
			ready <- e
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case e := <-ready:
		return a, &e.Manifest
	case err := <-ended:
		ended <- err
		t.Fatal(err)
		return nil, nil
	}
}

type answer struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions struct{ Code, Field, Action, RequestID string }
	}
}

func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// ask runs an operation as an actor, nil for nobody.
func (a *App) ask(t *testing.T, actor *rbac.Actor, query string, variables map[string]any) answer {
	t.Helper()
	resolver, err := a.resolver()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	ctx := graph.WithRequest(r.Context(), &graph.Request{ID: "test", Cookies: &cookies{w: w}, Status: &responseStatus{w: w}})
	if actor != nil {
		ctx = rbac.WithActor(ctx, actor)
	}
	resolver.Handler().ServeHTTP(w, r.WithContext(ctx))
	var out answer
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return out
}
