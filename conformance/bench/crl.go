package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // database/sql driver

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

const (
	listed  = 1_000_000
	changed = 10_000
)

// largeCRL measures the whole way of a CRL of a million entries in the running server: read from the database, built,
// signed, checked against the one before, recorded. The rows are made in the database; the index holds everything that
// a list needs, so that the certificates themselves do not matter.
func largeCRL(what, database string) error {
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var args []string
	driver, address := "sqlite", filepath.Join(data, "pkiaas.db")
	if database != "" {
		args, driver, address = []string{"--database", database}, "pgx", database
	}
	s, err := testbed.Start("demo", data, args...)
	if err != nil {
		return err
	}
	ca, err := s.CA(s.Manifest.GraphQL.Token, s.Manifest.Partition.ID, "issuing-1")
	if err == nil {
		err = s.Stop()
	}
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := insertRevoked(db, driver, ca, listed, "-1 day"); err != nil {
		return err
	}
	if s, err = testbed.Start("demo", data, args...); err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // measured already
	idle, err := s.PeakMemory()
	if err != nil {
		return err
	}
	token := s.Manifest.GraphQL.Token
	var out struct {
		CertificationAuthority struct {
			Crl struct {
				Entries, Bytes int
				Alarm          *struct{ Reason string }
			}
			CrlLists []struct {
				Shard, Entries, Bytes int
				BaseNumber            *int64
			}
		}
	}
	look := func() error {
		return s.GraphQL(
			token,
			`query($c: ID!) { certificationAuthority(id: $c) { crl { entries bytes alarm { reason } } crlLists { shard entries bytes
				baseNumber } } }`,
			map[string]any{"c": ca}, &out,
		)
	}
	publish := func() (time.Duration, error) {
		begin := time.Now()
		if err := s.GraphQL(
			token, `mutation($c: ID!) { publishCrl(input: {caId: $c}) { certificationAuthority { id } } }`, map[string]any{"c": ca}, nil,
		); err != nil {
			return 0, err
		}
		took := time.Since(begin)
		if err := look(); err != nil {
			return 0, err
		}
		if l := out.CertificationAuthority.Crl; l.Entries < listed || l.Alarm != nil {
			return 0, fmt.Errorf("%+v", l)
		}
		return took, nil
	}
	configure := func(delta bool) error {
		return s.GraphQL(
			token,
			`mutation($c: ID!, $d: Boolean!) { updateCrlSettings(input: {caId: $c, delta: $d, shards: 0, automaticShards: false}) {
				certificationAuthority { id } } }`,
			map[string]any{"c": ca, "d": delta}, nil,
		)
	}
	// It is published once by the server itself, and then twice on request; measured is what has a list of a million
	// entries before it.
	if err := configure(false); err != nil {
		return err
	}
	first, err := publish()
	if err != nil {
		return err
	}
	before, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	next, err := publish()
	if err != nil {
		return err
	}
	after, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	peak, err := s.PeakMemory()
	if err != nil {
		return err
	}
	bytes := out.CertificationAuthority.Crl.Bytes
	fmt.Printf(
		"| CRL of %d entries (%.1f MB), %s: build, sign, check, record: %.1f s, again | %.1f s | | | %.1f s of processor time; resident "+
			"at most %d MB (%d MB before), whole server (aim: 5 s, 300 MB) |\n",
		listed, float64(bytes)/1e6, what, first.Seconds(), next.Seconds(), (after - before).Seconds(), peak>>20, idle>>20)

	if err := configure(true); err != nil {
		return err
	}
	delta := func() (entries, size int, err error) {
		err = look()
		for _, l := range out.CertificationAuthority.CrlLists {
			if l.BaseNumber != nil && l.Shard == 0 {
				entries, size = l.Entries, l.Bytes
			}
		}
		return entries, size, err
	}
	for entries, size := 0, 0; size == 0; time.Sleep(50 * time.Millisecond) {
		if entries, size, err = delta(); err != nil || entries > 0 {
			return fmt.Errorf("the first delta CRL has %d entries, %w", entries, err)
		}
	}
	if err := insertRevoked(db, driver, ca, changed, "+0 day"); err != nil {
		return err
	}
	// A revocation makes the delta CRL: from its answer until the list is served.
	var issued testbed.Issued
	if err := s.GraphQL(
		token, testbed.Issue,
		map[string]any{
			"i": map[string]any{"caId": ca, "profileId": "privatessl-tls-client-server", "csr": testbed.CSR("delta.example.com")},
		},
		&issued,
	); err != nil {
		return err
	}
	if err := s.GraphQL(
		token, `mutation($i: RevokeCertificateInput!) { revokeCertificate(input: $i) { certificate { id } } }`,
		map[string]any{"i": map[string]any{"certificateId": issued.IssueCertificate.Certificate.ID, "reason": "SUPERSEDED"}}, nil,
	); err != nil {
		return err
	}
	begin := time.Now()
	for {
		entries, size, err := delta()
		if err != nil {
			return err
		}
		if entries > changed {
			fmt.Printf(
				"| delta CRL of %d entries (%.1f MB) to it, %s: from the revocation's answer until it is served | %.2f s | | | (aim: 1 "+
					"s) |\n",
				entries, float64(size)/1e6, what, time.Since(begin).Seconds(),
			)
			return nil
		}
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("there is no delta CRL with %d entries: %+v", changed, out)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// insertRevoked puts revoked certificates into the inventory, described as those that are issued are: what describes older ones
// would be measured too.
func insertRevoked(db *sql.DB, driver, ca string, n int, when string) error {
	columns := "(id, partition_id, ca_id, serial_number, kind, profile_id, subject, common_name, search_text, status, not_before, " +
		"not_after, der, requested_by, created_at, counted, revoked_at, revocation_reason, key_type)"
	statement := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO certificates ` + columns + ` SELECT lower(hex(randomblob(16))), c.partition_id, c.id, '5' ||
			substr(lower(hex(randomblob(16))), 2), 'SUBSCRIBER', 'privatessl-tls-server', 'CN=x', 'x', 'x', 'REVOKED',
		datetime('now', '-2 day') || '+00:00', datetime('now', '+1 year') || '+00:00', x'00', 'bench', datetime('now', '-2 day') ||
			'+00:00', false, datetime('now', ?) || '+00:00', 4, 'RSA 2048' FROM n JOIN certification_authorities c ON c.id = ?`
	if driver == "pgx" {
		statement = `INSERT INTO certificates
			` + columns + ` SELECT md5(random()::text || i), c.partition_id, c.id, '5' || substr(md5(random()::text || i), 2), 'SUBSCRIBER',
				'privatessl-tls-server', 'CN=x', 'x', 'x', 'REVOKED',
			now() - interval '2 day', now() + interval '1 year', '\x00', 'bench', now() - interval '2 day', false, now() + $2::interval, 4,
				'RSA 2048' FROM generate_series(1, $1::int) i JOIN certification_authorities c ON c.id = $3`
	}
	if _, err := db.Exec(statement, n, when, ca); err != nil {
		return err
	}
	if driver == "pgx" {
		_, err := db.Exec("VACUUM ANALYZE certificates") // as autovacuum does in time
		return err
	}
	return nil
}
