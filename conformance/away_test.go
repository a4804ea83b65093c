package conformance

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// within tries until it works; what it waits for has no event of its own.
func within(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		if err = check(); err == nil {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, err)
}

// reply is what an endpoint says in a word or two: the form of the table in docs/operations.md.
func reply(method, address string, body []byte) (string, []byte) {
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return err.Error(), nil
	}
	response, err := (&http.Client{Timeout: 20 * time.Second}).Do(r)
	if err != nil {
		return "no connection", nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error(), nil
	}
	switch {
	case response.StatusCode == 503 && response.Header.Get("Retry-After") != "":
		return "503, `Retry-After`", text
	case response.StatusCode != 200:
		return fmt.Sprint(response.StatusCode), text
	case response.Header.Get("Content-Type") == "application/ocsp-response" && len(text) == 5 && text[4] == 3:
		return "`tryLater`", text
	case response.Header.Get("Content-Type") == "application/ocsp-response" && len(text) == 5:
		return fmt.Sprintf("OCSP error %d", text[4]), text
	}
	return "200", text
}

// TestWhenTheDatabaseIsAway asks every kind of endpoint while PostgreSQL is read-only, gone, or gone when the server
// starts, and while the disk of an SQLite database takes nothing more. The answers are a table in docs/operations.md.
func TestWhenTheDatabaseIsAway(t *testing.T) {
	cluster, err := testbed.NewCluster()
	if err != nil {
		if errors.Is(err, testbed.ErrNoPostgres) && os.Getenv("CI") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(cluster.Remove)
	data := t.TempDir()
	public, admin := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	args := []string{"--listen-public", public, "--listen-admin", admin}
	s := start(t, "demo", data, cluster.URL, args...)
	token, partition := s.Manifest.GraphQL.Token, s.Manifest.Partition.ID
	caID, err := s.CA(token, partition, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, tier: PREMIUM}) { subscription { id } } }`,
			s.Manifest.Subscription.ID,
		),
	); err != nil {
		t.Fatal(err)
	}
	issue := func() (*x509.Certificate, error) {
		var out testbed.Issued
		if err := s.GraphQL(
			token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("away.example.com")},
			},
			&out,
		); err != nil {
			return nil, err
		}
		return x509.ParseCertificate(der(t, out.IssueCertificate.Certificate.PEM))
	}
	known, err := issue()
	if err != nil {
		t.Fatal(err)
	}
	other, err := issue()
	if err != nil {
		t.Fatal(err)
	}
	var issuer *x509.Certificate
	for _, c := range s.Manifest.CAs {
		if c.ID == "issuing-1" {
			text, err := os.ReadFile(c.CertificateFile)
			if err != nil {
				t.Fatal(err)
			}
			if issuer, err = x509.ParseCertificate(der(t, string(text))); err != nil {
				t.Fatal(err)
			}
		}
	}
	question := func(c *x509.Certificate) []byte {
		request, err := ocsp.CreateRequest(c, issuer, nil)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	at := "/" + partition + "/issuing-1"
	base := "http://" + public
	good := func(want int) func() error {
		return func() error {
			_, text := reply("POST", base+"/ocsp"+at, question(known))
			answer, err := ocsp.ParseResponse(text, issuer)
			if err == nil && answer.Status != want {
				err = fmt.Errorf("status %d", answer.Status)
			}
			return err
		}
	}
	within(t, "an OCSP answer", good(ocsp.Good))
	said := func(err error) string {
		var e *testbed.Error
		switch {
		case err == nil:
			return "works"
		case errors.As(err, &e):
			return "`" + e.Code + "`"
		}
		return "no connection"
	}
	// columns of the table, each with the answers of the rows.
	rows := []string{
		"CRL", "CA certificate", "OCSP, asked before", "OCSP, not asked before", "reading by GraphQL", "issuing, revoking",
		"ACME directory", "`/healthz`", "`/readyz`",
	}
	type column struct {
		name    string
		answers []string
	}
	var table []column
	ask := func(name string) {
		t.Helper()
		crl, _ := reply("GET", base+"/crl"+at+"/crl.crl", nil)
		cer, _ := reply("GET", base+"/ca"+at+"/ca.cer", nil)
		before, _ := reply("POST", base+"/ocsp"+at, question(known))
		if err := good(ocsp.Good)(); err != nil {
			t.Errorf("%s: OCSP: %v", name, err)
		}
		never, _ := reply("POST", base+"/ocsp"+at, question(other))
		read := said(s.GraphQL(token, `query($p: ID!) { partition(id: $p) { id } }`, map[string]any{"p": partition}, nil))
		_, err := issue()
		directory := "no connection"
		if r, err := s.HTTP().Get(s.Manifest.ACME[0].DirectoryURL); err == nil {
			directory = fmt.Sprint(r.StatusCode)
			_ = r.Body.Close() // only the status counts
		}
		health, _ := reply("GET", "http://"+admin+"/healthz", nil)
		ready, text := reply("GET", "http://"+admin+"/readyz", nil)
		if ready != "200" && !strings.Contains(string(text), "database") {
			t.Errorf("%s: /readyz does not say which part: %s", name, text)
		}
		if ready != "200" {
			ready = "503"
		}
		table = append(table, column{name, []string{crl, cer, before, never, read, said(err), directory, health, ready}})
	}
	ready := func(want string) func() error {
		return func() error {
			got, text := reply("GET", "http://"+admin+"/readyz", nil)
			if !strings.HasPrefix(got, want) {
				return fmt.Errorf("%s %s", got, text)
			}
			return nil
		}
	}
	works := func() error { _, err := issue(); return err }

	if err := cluster.ReadOnly(true); err != nil {
		t.Fatal(err)
	}
	within(t, "/readyz notices that nothing can be written", ready("503"))
	ask("read-only (a standby)")
	if err := cluster.ReadOnly(false); err != nil {
		t.Fatal(err)
	}
	within(t, "issuing goes on by itself", works)
	within(t, "/readyz is ready again", ready("200"))

	// The certificate that nobody asked about is to stay so: what follows asks about another one.
	if other, err = issue(); err != nil {
		t.Fatal(err)
	}
	within(t, "the answers are kept on the disk", func() error {
		found, err := filepath.Glob(filepath.Join(data, "status", "*"))
		if err == nil && len(found) < 3 {
			err = fmt.Errorf("%d files", len(found))
		}
		return err
	})
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	within(t, "/readyz notices that the database is gone", ready("503"))
	ask("gone")
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, "issuing goes on by itself", works)

	// A server that starts without its database.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	started := make(chan *testbed.Server, 1)
	go func() {
		again, err := testbed.Start("serve", data, append(args, "--database", cluster.URL)...)
		if err != nil {
			t.Error(err)
		}
		started <- again
	}()
	within(t, "it listens", func() error {
		if got, _ := reply("GET", "http://"+admin+"/healthz", nil); got != "200" {
			return errors.New(got)
		}
		return nil
	})
	ask("gone when the server starts")
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	again := <-started
	if again == nil {
		t.FailNow()
	}
	t.Cleanup(again.Kill)
	again.Manifest.GraphQL, again.Manifest.Partition = s.Manifest.GraphQL, s.Manifest.Partition
	s = again
	within(t, "issuing goes on by itself", works)
	if err := s.GraphQL(
		token, `mutation($i: RevokeCertificateInput!) { revokeCertificate(input: $i) { certificate { id } } }`,
		map[string]any{"i": map[string]any{"certificateId": certificateID(t, s, token, partition, known), "reason": "KEY_COMPROMISE"}},
		nil,
	); err != nil {
		t.Fatal(err)
	}
	within(t, "the revocation is known", good(ocsp.Revoked))

	// The table that people read.
	var b strings.Builder
	b.WriteString("| the database is |")
	for _, c := range table {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(table)+1) + "\n")
	for n, row := range rows {
		b.WriteString("| " + row + " |")
		for _, c := range table {
			b.WriteString(" " + c.answers[n] + " |")
		}
		b.WriteString("\n")
	}
	file := filepath.Join(testbed.Root(), "docs", "operations.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "<!-- away:begin -->\n")
	documented, _, closed := strings.Cut(rest, "<!-- away:end -->")
	if !found || !closed || documented != b.String() {
		t.Errorf("docs/operations.md has another table between away:begin and away:end. What was seen:\n%s", b.String())
	}
}

func certificateID(t *testing.T, s *testbed.Server, token, partition string, c *x509.Certificate) string {
	t.Helper()
	var out struct {
		Partition struct {
			Certificates struct {
				Nodes []struct{ ID, SerialNumber string }
			}
		}
	}
	if err := s.GraphQL(
		token, `query($p: ID!) { partition(id: $p) { certificates(first: 100) { nodes { id serialNumber } } } }`,
		map[string]any{"p": partition}, &out,
	); err != nil {
		t.Fatal(err)
	}
	for _, n := range out.Partition.Certificates.Nodes {
		if strings.TrimLeft(n.SerialNumber, "0") == fmt.Sprintf("%x", c.SerialNumber) {
			return n.ID
		}
	}
	t.Fatalf("certificate %x is not there", c.SerialNumber)
	return ""
}
