package conformance

import (
	"crypto/x509"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // database/sql driver

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

// TestBulkRevocation revokes many certificates by a filter and ends the server with SIGKILL in the middle. The next one
// goes on by itself: each is revoked once, each item says so, one CRL comes and has them all, and the audit chain has
// an event for each. PKIAAS_BULK sets how many; 2000 by default.
func TestBulkRevocation(t *testing.T) {
	many := 2000
	if n, err := strconv.Atoi(os.Getenv("PKIAAS_BULK")); err == nil {
		many = n
	}
	onEachDatabase(t, func(t *testing.T, database string) {
		data := t.TempDir()
		s := start(t, "demo", data, database)
		partition, token := s.Manifest.Partition.ID, s.Manifest.GraphQL.Token
		caID, err := s.CA(token, partition, "issuing-1")
		if err != nil {
			t.Fatal(err)
		}
		unlimited(t, s)
		var issued testbed.Issued
		if err := s.GraphQL(
			token, testbed.Issue,
			map[string]any{
				"i": map[string]any{"caId": caID, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("bulk.example.com")},
			},
			&issued,
		); err != nil {
			t.Fatal(err)
		}
		populate(t, data, database, issued.IssueCertificate.Certificate.ID, many)
		before := crlNumber(t, s, token, partition)

		var prepared struct {
			PrepareBulkRevocation struct {
				Operation struct {
					ID             string
					Total, Pending int
				}
			}
		}
		begin := time.Now()
		if err := s.GraphQL(
			token,
			`mutation($p: ID!) { prepareBulkRevocation(input: {partitionId: $p, reason: KEY_COMPROMISE, selection: {filter: {search:
				"populated.example.com"}}}) { operation { id total pending } } }`,
			map[string]any{"p": partition}, &prepared,
		); err != nil {
			t.Fatal(err)
		}
		o := prepared.PrepareBulkRevocation.Operation
		if o.Total != many || o.Pending != many {
			t.Fatalf("the dry run counts %d, %d of them to be revoked", o.Total, o.Pending)
		}
		t.Logf("prepared in %s", time.Since(begin))
		begin = time.Now()
		if err := s.GraphQL(
			token, `mutation($id: ID!) { startBulk(input: {id: $id}) { ... on BulkOperationPayload { operation { id } } } }`,
			map[string]any{"id": o.ID}, nil,
		); err != nil {
			t.Fatal(err)
		}
		progress := func() (state string, done int) {
			t.Helper()
			var out struct {
				BulkOperation struct {
					State string
					Done  int
				}
			}
			if err := s.GraphQL(
				token, `query($id: ID!) { bulkOperation(id: $id) { state done } }`, map[string]any{"id": o.ID}, &out,
			); err != nil {
				t.Fatal(err)
			}
			return out.BulkOperation.State, out.BulkOperation.Done
		}
		until := func(what string, reached func(state string, done int) bool) {
			t.Helper()
			for deadline := time.Now().Add(5 * time.Minute); ; {
				state, done := progress()
				if reached(state, done) {
					return
				}
				if time.Now().After(deadline) || state == "FAILED" {
					t.Fatalf("%s: %s with %d done", what, state, done)
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
		part := many/4 + rand.IntN(many/4)
		until("under way", func(_ string, done int) bool { return done >= part })
		s.Kill()
		t.Logf("killed after %s", time.Since(begin))
		s = start(t, "serve", data, database, "--public-url", s.Manifest.PublicURL)
		state, survived := progress()
		if state != "RUNNING" || survived < part || survived >= many {
			t.Fatalf("after the SIGKILL it is %s with %d of %d done", state, survived, many)
		}
		if n := crlNumber(t, s, token, partition); n != before {
			t.Errorf("CRL number %d in the middle, %d before", n, before)
		}
		until("the end", func(state string, _ int) bool { return state == "DONE" })
		t.Logf("%d certificates in %s, SIGKILL after %d and restart included", many, time.Since(begin), survived)

		var list *x509.RevocationList
		for deadline := time.Now().Add(time.Minute); ; {
			if n := crlNumber(t, s, token, partition); n > before {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("no CRL came")
			}
			time.Sleep(20 * time.Millisecond)
		}
		db := open(t, data, database)
		var der []byte
		parts, err := db.Query(
			"SELECT der FROM crl_parts WHERE list_id = (SELECT id FROM crl_lists WHERE ca_id = " +
				"'" + caID + "' AND shard = 0 AND base_number = 0 ORDER BY number DESC LIMIT 1) ORDER BY part",
		)
		if err != nil {
			t.Fatal(err)
		}
		for parts.Next() {
			var part []byte
			if err := parts.Scan(&part); err != nil {
				t.Fatal(err)
			}
			der = append(der, part...)
		}
		if err := parts.Err(); err != nil {
			t.Fatal(err)
		}
		if list, err = x509.ParseRevocationList(der); err != nil {
			t.Fatal(err)
		}
		listed := map[string]int{}
		for _, e := range list.RevokedCertificateEntries {
			listed[fmt.Sprintf("%x", e.SerialNumber)]++
			if e.ReasonCode != 1 && strings.HasPrefix(
				fmt.Sprintf("%x", e.SerialNumber), "70",
			) && len(fmt.Sprintf("%x", e.SerialNumber)) == 24 {
				t.Fatalf("%x has reason %d", e.SerialNumber, e.ReasonCode)
			}
		}
		for n := range many {
			if serial := serialOf(n); listed[serial] != 1 {
				t.Fatalf("%s stands %d times in the CRL", serial, listed[serial])
			}
		}
		for what, query := range map[string]string{
			"certificates revoked": "SELECT count(*) FROM certificates WHERE search_text LIKE '%populated.example.com%' AND " +
				"status = 'REVOKED' AND revocation_reason = 1 AND NOT counted",
			"items done": "SELECT count(*) FROM bulk_items WHERE operation_id = '" + o.ID +
				"' AND state = 'DONE' AND result = 'REVOKED'",
			"certificates with one event": "SELECT count(*) FROM (SELECT object_id FROM audit_events WHERE action = " +
				"'certificate.revoke' AND details LIKE '%" + o.ID + "%' GROUP BY object_id HAVING count(*) = 1) AS x",
		} {
			var n int
			if err := db.QueryRow(query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n != many {
				t.Errorf("%d %s, of %d", n, what, many)
			}
		}
		var audit struct {
			Partition struct {
				Published struct {
					Nodes []struct{ Details struct{ Number int64 } }
				}
				Counts struct{ IssuedCertificates, ActiveCas int }
			}
		}
		if err := s.GraphQL(
			token,
			`query($p: ID!, $ca: ID!, $t: Time!) { partition(id: $p) { counts { issuedCertificates } published: auditEvents(filter: {action:
				"crl.publish", objectId: $ca, from: $t}) { nodes { details } } } }`,
			map[string]any{"p": partition, "ca": caID, "t": begin.UTC().Format(time.RFC3339)}, &audit); err != nil {
			t.Fatal(err)
		}
		after := crlNumber(t, s, token, partition)
		published := 0
		for _, e := range audit.Partition.Published.Nodes {
			if e.Details.Number > before {
				published++
			}
		}
		if intact, _, err := s.AuditLog(token, partition); err != nil || !intact || published != 1 {
			t.Errorf(
				"the audit chain is intact: %v (%v); %d CRLs were published, up to %d, behind %d", intact, err, published, after, before,
			)
		}
		var active int
		if err := db.QueryRow("SELECT active_certificates FROM partitions WHERE id = '" + partition + "'").Scan(&active); err != nil {
			t.Fatal(err)
		}
		if active != audit.Partition.Counts.IssuedCertificates {
			t.Errorf(
				"%d certificates count against the purchased number, and %d are active", active, audit.Partition.Counts.IssuedCertificates,
			)
		}
		var reports struct {
			Partition struct {
				Reports struct {
					Activity  []struct{ Revoked int }
					Breakdown []struct {
						Label   string
						Revoked int
					}
					Cryptography struct{ Uses []struct{ KeyType string } }
					Expiries     []struct{ Start string }
				}
			}
		}
		if err := s.GraphQL(
			token,
			`query($p: ID!) { partition(id: $p) { reports { activity { revoked } breakdown(by: CA) { label revoked } cryptography { uses {
				keyType } concerns { id } } expiries { start } } } }`,
			map[string]any{"p": partition}, &reports,
		); err != nil {
			t.Fatal(err)
		}
		r := reports.Partition.Reports
		if last := r.Activity[len(r.Activity)-1]; last.Revoked < many && r.Activity[len(r.Activity)-2].Revoked+last.Revoked < many ||
			r.Breakdown[0].Revoked < many || len(r.Cryptography.Uses) == 0 || len(r.Expiries) == 0 {
			t.Errorf("the reports do not show it: %+v", r)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func serialOf(n int) string { return fmt.Sprintf("70756c6b%016x", n) }

func open(t *testing.T, data, database string) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+filepath.Join(data, "pkiaas.db")+"?_pragma=busy_timeout(60000)"
	if database != "" {
		driver, dsn = "pgx", database
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// populate copies a certificate's row, with serial numbers and names of its own: what issuing takes is not asked here.
func populate(t *testing.T, data, database, id string, many int) {
	t.Helper()
	db := open(t, data, database)
	hex := "printf('%016x', n)"
	if database != "" {
		hex = "lpad(to_hex(n), 16, '0')"
	}
	columns := "partition_id, ca_id, kind, profile_id, subject, common_name, status, not_before, not_after, der, requested_by, " +
		"created_at, counted, key_type, signature_algorithm, public_key_sha256, source"
	_, err := db.Exec(fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
		INSERT INTO certificates (id, serial_number, search_text, %s)
		SELECT '01900000-0000-7000-8000-' || substr(%s, 5), '70756c6b' || %s, 'cn=populated.example.com', %s FROM numbers, certificates
			WHERE id = '%s'`,
		many-1, columns, hex, hex, "certificates."+strings.ReplaceAll(columns, ", ", ", certificates."), id))
	if err == nil { // their words are still to be written, as after an issuance
		_, err = db.Exec(
			"INSERT INTO certificates_unread (certificate_id, partition_id, search_text, serial_number) SELECT id, partition_id, " +
				"search_text, serial_number FROM certificates WHERE common_name = 'populated.example.com' OR serial_number LIKE " +
				"'70756c6b%' ON CONFLICT DO NOTHING",
		)
	}
	if err == nil {
		_, err = db.Exec(fmt.Sprintf("UPDATE partitions SET active_certificates = active_certificates + %d", many))
	}
	if err != nil {
		t.Fatal(err)
	}
}
