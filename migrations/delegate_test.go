package migrations

import (
	"database/sql"
	"slices"
	"testing"
)

// TestDelegates upgrades a database in which OCSP signers were columns of CAs and of their former keys: each becomes a
// delegate of its CA's key, those of purged CAs have ended, and their renewal goes on.
func TestDelegates(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, d Dialect) {
		provider, err := newProvider(db, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.UpTo(t.Context(), 41); err != nil {
			t.Fatal(err)
		}
		const at, end = "'2026-01-02 03:04:05+00:00'", "'2026-02-01 03:04:05+00:00'"
		der := func(hex string) string {
			if d == SQLite {
				return "x'" + hex + "'"
			}
			return `'\x` + hex + `'::bytea`
		}
		authority := func(id, key, certificate, purged string) string {
			return `INSERT INTO certification_authorities (id, partition_id, identifier, friendly_name, type, status, signing_algorithm,
				subject, subject_der, not_after, crl_enabled, ocsp_enabled,
				key_generation, key_store, ocsp_key_store, ocsp_key_id, ocsp_certificate, ocsp_not_after, creation_step, created_at,
					created_by, purged_at)
				VALUES ('` + id + `', 'sub1', '` + id + `', 'x', 'ROOT', 'ACTIVE', 'x', 'CN=x', ` + der(
				"00",
			) + `, ` + end + `, true, true, 2, 'hsm', 'software', '` + key + `', ` + certificate + `, ` + end + `, 'ACTIVE', ` + at +
				`, 'x', ` + purged + `)`
		}
		for _, statement := range []string{
			`INSERT INTO subscriptions (id, name, tier, purchased_certificates, purchased_cas, created_at) VALUES ('s', 'a', 'STANDARD', 1,
				1, ` + at + `)`,
			`INSERT INTO partitions (id, subscription_id, name, region, terms_accepted_by, created_at) VALUES ('sub1', 's', 'a', 'US', 'x',
				` + at + `)`,
			authority("one", "k1", der("01"), "NULL"), authority("none", "", "NULL", "NULL"), authority("gone", "k3", der("03"), at),
			`INSERT INTO ca_generations (ca_id, number, created_at, key_store, key_id, serial_number, issuer_generation, not_after,
				ocsp_key_store, ocsp_key_id, ocsp_certificate, ocsp_not_after)
				VALUES ('one', 1, ` + at + `, 'software', 'old', '', 1, ` + end + `, 'second', 'k0', ` + der("0a") + `, ` + end + `),
				('one', 3, ` + at + `, 'software', 'next', '', 1, ` + end + `, 'software', '', NULL, NULL)`,
			`INSERT INTO jobs (kind, job_key, run_at, generation, arguments, attempts, last_error, lease) VALUES ('ocsp-signer.renew',
				'one~2', ` + at + `, 1, 'null', 0, '', '')`,
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		if _, err := Up(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string][]string{
			`SELECT ca_id || ' ' || key_generation || ' ' || key_store || ' ' || key_id || ' ' || purpose || ' ' || status || ' ' ||
				length(certificate) FROM delegates ORDER BY key_id`: {
				"one 1 second k0 OCSP_SIGNER CURRENT 1", "one 2 software k1 OCSP_SIGNER CURRENT 1"},
			`SELECT key_id FROM delegates WHERE not_after = ` + end + ` ORDER BY key_id`: {"k0", "k1"},
			`SELECT kind || ' ' || job_key FROM jobs`:                                    {"delegates.keep one~2"},
		} {
			var got []string
			rows, err := db.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					t.Fatal(err)
				}
				got = append(got, line)
			}
			if err := rows.Err(); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s\n got %q\nwant %q %v", query, got, want, err)
			}
		}
	})
}
