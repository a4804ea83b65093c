package server

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/crl"
	ocspdoor "github.com/pkiaas/pkiaas/protocols/ocsp"
)

// onAllConnections runs a statement on each connection of the pool, which is how long a PRAGMA lasts.
func (a *App) onAllConnections(t *testing.T, statement string) {
	t.Helper()
	var open []*sql.Conn
	for range a.store.Pool().Stats().MaxOpenConnections {
		c, err := a.store.Pool().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open {
		if _, err := c.ExecContext(t.Context(), statement); err != nil {
			t.Error(err)
		}
	}
	for _, c := range open {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (a *App) readyz(t *testing.T) (int, string) {
	t.Helper()
	r, text := send(t, clientAt("127.0.0.1"), "GET", a.cfg.BaseURL+"/readyz", nil)
	return r.StatusCode, string(text)
}

// TestDatabaseThatTakesNoWrites: with a disk that is full, or a database that is read-only, status and reading go on, and
// what would have to be written says what is wrong. Once it can be written again all goes on by itself.
func TestDatabaseThatTakesNoWrites(t *testing.T) {
	b, m := statusBenchOn(t, "")
	a := b.App
	token := http.Header{"Authorization": {"Bearer " + m.GraphQL.Token}}
	// The tier is one whose rate is counted in the database.
	b.exec("UPDATE subscriptions SET tier = 'PREMIUM' WHERE id = ?", m.Subscription.ID)
	ahead.Store(int64(time.Minute))
	t.Cleanup(func() { ahead.Store(0) })
	c := b.issue("before.example.com")
	plain := question(t, b.ca, nil, nil, c.SerialNumber)
	at := "/" + b.ca.PartitionID + "/" + b.ca.Identifier
	csr, err := demoCSR("during.example.com")
	if err != nil {
		t.Fatal(err)
	}
	issue := func() answer {
		t.Helper()
		_, got := post(
			t, clientAt("127.0.0.1"), a, token,
			`mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id } } }
				}`,
			map[string]any{"i": map[string]any{"caId": b.ca.ID, "profileId": "privatessl-tls-client-server", "csr": string(csr)}})
		return got
	}
	if got := issue(); got.code() != "" {
		t.Fatal(got.Errors)
	}
	count := func() (n int64) {
		t.Helper()
		if err := a.store.DB(t.Context()).Model(&certificate.Certificate{}).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, fault := range map[string]struct{ begin, end, says string }{
		"full":      {"PRAGMA max_page_count = 1", "PRAGMA max_page_count = 4294967294", "The database has no space left."},
		"read-only": {"PRAGMA query_only = 1", "PRAGMA query_only = 0", "The database is read-only."},
	} {
		t.Run(name, func(t *testing.T) {
			a.onAllConnections(t, fault.begin)
			fill := func() { // use up what is free within the file
				for name == "full" {
					if a.store.DB(t.Context()).Exec(
						"INSERT INTO write_probes (id, content) VALUES (?, ?)", "filler "+uuid.NewString(), make([]byte, 1000),
					).Error != nil {
						break
					}
				}
			}
			var before int64
			var got answer
			eventually(t, "issuing is refused", func() error {
				fill() // again: a job that ends gives back the space of its row
				before = count()
				if got = issue(); got.code() != "UNAVAILABLE" || got.Errors[0].Message != fault.says {
					return fmt.Errorf("issuing: %v", got.Errors)
				}
				return nil
			})
			for what, address := range map[string]string{"CRL": "/crl" + at + "/crl.crl", "CA certificate": "/ca" + at + "/ca.cer"} {
				if r, text := send(t, http.DefaultClient, "GET", a.cfg.PublicURL+address, nil); r.StatusCode != 200 || len(text) < 300 {
					t.Errorf("%s: %d %s", what, r.StatusCode, text)
				}
			}
			if r, text := send(
				t, http.DefaultClient, "POST", a.cfg.PublicURL+"/ocsp"+at, bytes.NewReader(plain),
			); r.StatusCode != 200 || len(text) < 300 {
				t.Errorf("OCSP: %d %x", r.StatusCode, text)
			}
			if _, got := post(t, clientAt("127.0.0.1"), a, token, `{ partition(id: "`+m.Partition.ID+`") { id } }`, nil); got.code() != "" {
				t.Errorf("reading by GraphQL: %v", got.Errors)
			}
			eventually(t, "/readyz says so", func() error {
				if status, text := a.readyz(t); status != 503 || !strings.Contains(text, "not ready: "+fault.says) ||
					!strings.Contains(text, "ready: CRL, OCSP") {
					return errors.New(text)
				}
				return nil
			})
			if after := count(); after != before {
				t.Errorf("%d certificates, %d before", after, before)
			}
			a.onAllConnections(t, fault.end)
			if err := a.store.DB(t.Context()).Exec("DELETE FROM write_probes").Error; err != nil {
				t.Fatal(err)
			}
			if got := issue(); got.code() != "" {
				t.Errorf("issuing afterwards: %v", got.Errors)
			}
			eventually(t, "/readyz is ready again", func() error {
				if status, text := a.readyz(t); status != 200 {
					return errors.New(text)
				}
				return nil
			})
			var whole string
			if err := a.store.DB(t.Context()).Raw("PRAGMA integrity_check").Scan(&whole).Error; err != nil || whole != "ok" {
				t.Errorf("the database: %s %v", whole, err)
			}
		})
	}
}

// TestStatusFromTheArchive: lists, CA certificates and answers that were published are served without a database, by a
// server that has just been started too, as long as they hold. What was altered or has ended is not.
func TestStatusFromTheArchive(t *testing.T) {
	b := newStatusBench(t)
	t.Cleanup(func() { ahead.Store(0) })
	c := b.issue("kept.example.com")
	plain := question(t, b.ca, nil, nil, c.SerialNumber)
	at := "/" + b.ca.PartitionID + "/" + b.ca.Identifier
	get := func(h http.Handler, method, path string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "http://x"+path, bytes.NewReader(body)))
		return w
	}
	handlers, err := b.handlers()
	if err != nil {
		t.Fatal(err)
	}
	live := map[string][]byte{}
	for _, path := range []string{"/crl" + at + "/crl.crl", "/ca" + at + "/ca.cer"} {
		live[path] = get(handlers["public"], "GET", path, nil).Body.Bytes()
	}
	live["/ocsp"+at] = get(handlers["public"], "POST", "/ocsp"+at, plain).Body.Bytes()
	stored := status.Stored{Archive: status.NewArchive(archiveDir(b.cfg)), Now: b.now}
	public := newRouter()
	for _, p := range []protocols.Protocol{crl.Protocol{Published: stored, Now: b.now}, ocspdoor.Protocol{Responder: stored, Now: b.now}} {
		for _, e := range p.Endpoints() {
			public.add(e)
		}
	}
	eventually(t, "the answer is kept", func() error {
		if got := get(public, "POST", "/ocsp"+at, plain).Body.Bytes(); !bytes.Equal(got, live["/ocsp"+at]) {
			return errors.New("not yet")
		}
		return nil
	})
	for path, want := range live {
		method, body := "GET", []byte(nil)
		if strings.HasPrefix(path, "/ocsp") {
			method, body = "POST", plain
		}
		if w := get(public, method, path, body); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	// Nothing but what was published, whatever the address.
	for _, path := range []string{"/crl" + at + "/shard-1.crl", "/crl/../../kek", "/ca/x/y/ca.cer", "/crl" + at + "/ocsp"} {
		if w := get(public, "GET", path, nil); w.Code == 200 {
			t.Errorf("%s is served", path)
		}
	}
	if w := get(public, "GET", "/crl"+at+"/shard-1.crl", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("what is not kept: %d %v", w.Code, w.Header())
	}
	if got := get(public, "POST", "/ocsp"+at, question(t, b.ca, nil, []byte("12345678"), c.SerialNumber)).Body.Bytes(); got[4] != 3 {
		t.Errorf("with a nonce: %x", got)
	}
	// After a revocation the old answer is not given any more, and the new list is kept before anybody asks for it.
	if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list with the revocation is kept", func() error {
		if bytes.Equal(get(public, "GET", "/crl"+at+"/crl.crl", nil).Body.Bytes(), live["/crl"+at+"/crl.crl"]) {
			return errors.New("not yet")
		}
		return nil
	})
	eventually(t, "the old answer is forgotten", func() error {
		fresh := status.Stored{Archive: status.NewArchive(archiveDir(b.cfg)), Now: b.now}
		if bytes.Equal(fresh.OCSP(b.ctx, b.ca.PartitionID, b.ca.Identifier, plain).DER, live["/ocsp"+at]) {
			return errors.New("not yet")
		}
		return nil
	})
	// A file that is not whole is no list.
	entries, err := os.ReadDir(archiveDir(b.cfg))
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := filepath.Join(archiveDir(b.cfg), e.Name())
		text, err := os.ReadFile(name)
		if err == nil {
			text[len(text)-1] ^= 1
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	altered := status.Stored{Archive: status.NewArchive(archiveDir(b.cfg)), Now: b.now}
	if _, _, err := altered.CRL(b.ctx, b.ca.PartitionID, b.ca.Identifier, "crl.crl"); err == nil {
		t.Error("a list that was altered is served")
	}
	if list := b.fetch("crl.crl"); reasonOn(list, c.SerialNumber) != 1 { // the database has it
		t.Error("the list of the database is not served")
	}
	ahead.Store(int64(8 * 24 * time.Hour))
	if _, content, err := stored.CRL(b.ctx, b.ca.PartitionID, b.ca.Identifier, "crl.crl"); err == nil {
		text, _ := io.ReadAll(content)
		t.Errorf("a list that has ended is served: %d bytes", len(text))
	}
}
