package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
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
	_ = os.RemoveAll(copied.dir)
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
	cfg := &Config{
		Data: t.TempDir(), Database: database, Listen: any, ListenPublic: any, ListenMTLS: any, Regions: []string{"US"},
		CRLInterval: 24 * 3600e9, ClockSkew: 60e9, LogLevel: "error", Demo: true,
	}
	if os.Getenv("PKIAAS_TEST_KEYSTORE") == "softhsm" {
		if token == "" {
			token = tokentest.New(t)
		}
		cfg.Keystore = []string{token}
	} else if database == "" && len(change) == 0 {
		copied.into(t, cfg)
	}
	for _, c := range change {
		c(cfg)
	}
	ahead.begin()
	a, m, stop := serveEstate(t, cfg)
	t.Cleanup(stop)
	return a, m
}

// serveEstate serves the estate of a configuration until stop is called.
func serveEstate(t testing.TB, cfg *Config) (_ *App, _ *Manifest, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := Open(ctx, cfg)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	a.now = ahead.Now
	a.hashCost = identity.HashCost{Passes: 1, Memory: 64, Lanes: 1} // hashing took most of the time of these tests
	if err := a.Listen(ctx); err != nil {
		cancel()
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
	select {
	case e := <-ready:
		return a, &e.Manifest, func() {
			cancel()
			<-ended
		}
	case err := <-ended:
		cancel()
		t.Fatal(err)
		return nil, nil, nil
	}
}

// original is an estate that is built once and copied for each test, because building it takes most of a short test's time.
type original struct {
	dir       string
	addresses map[string]string // of its listeners: they are in its certificates, so that copies serve there too
}

var copied original

// into copies the estate into the directory of a configuration; nothing while another copy is being served.
func (o *original) into(t testing.TB, cfg *Config) {
	t.Helper()
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "pkiaas-estate-")
		if err != nil {
			t.Fatal(err)
		}
		fresh := *cfg
		fresh.Data = dir
		ahead.begin()
		a, _, stop := serveEstate(t, &fresh)
		o.dir, o.addresses = dir, map[string]string{}
		for name, l := range a.listeners {
			o.addresses[name] = l.Addr().String()
		}
		stop()
	}
	for _, address := range o.addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return
		}
		_ = l.Close()
	}
	// os.CopyFS would let others read the key-encryption key, which the server refuses.
	if out, err := exec.Command("cp", "-a", o.dir+"/.", cfg.Data).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	cfg.Listen, cfg.ListenPublic, cfg.ListenMTLS = o.addresses["tls"], o.addresses["public"], o.addresses["mtls"]
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
