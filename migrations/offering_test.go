package migrations

import (
	"database/sql"
	"testing"
)

// TestOfferings upgrades configurations of enrollment protocols: their CA and profile become the first offering, the other profiles
// that ACME orders could name become offerings, and orders find theirs.
func TestOfferings(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, d Dialect) {
		provider, err := newProvider(db, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.UpTo(t.Context(), 42); err != nil {
			t.Fatal(err)
		}
		const at = "'2026-01-02 03:04:05+00:00'"
		authority := func(id string) string {
			return `INSERT INTO certification_authorities (id, partition_id, identifier, friendly_name, type, status, signing_algorithm,
				subject, subject_der, not_after, crl_enabled, ocsp_enabled, creation_step, created_at, created_by)
				VALUES ('` + id + `', 'sub1', '` + id + `', 'x', 'ISSUING', 'ACTIVE', 'x', 'CN=` + id + `', {empty}, ` + at +
				`, true, true, '', ` + at + `, 'x')`
		}
		for _, statement := range []string{
			`INSERT INTO subscriptions (id, name, tier, purchased_certificates, purchased_cas, created_at) VALUES ('s', 'a', 'STANDARD', 1,
				1, ` + at + `)`,
			`INSERT INTO partitions (id, subscription_id, name, region, terms_accepted_by, created_at) VALUES ('sub1', 's', 'a', 'US', 'x',
				` + at + `)`,
			authority("ca1"), authority("ca2"),
			`INSERT INTO protocol_configurations (id, partition_id, identifier, type, description, ca_id, profile_id, status, settings,
				version, created_at, created_by) VALUES
				('plain', 'sub1', 'plain', 'ACME', '', 'ca1', 'web', 'ACTIVE', '{}', 1, ` + at + `, 'x'),
				('null', 'sub1', 'null', 'ACME', '', 'ca1', 'web', 'ACTIVE', '{"profiles":null}', 1, ` + at + `, 'x'),
				('more', 'sub1', 'more', 'ACME', '', 'ca2', 'web', 'DISABLED', '{"orderHours":5,"profiles":["mail","web","vpn","mail"]}', 1, ` + at + `, 'x')`,
			`INSERT INTO acme_external_keys (id, partition_id, configuration_id, friendly_name, secret, created_by, created_at) VALUES ('k',
				'sub1', 'more', 'k', {empty}, 'x', ` + at + `)`,
			`INSERT INTO acme_accounts (id, partition_id, configuration_id, external_key_id, thumbprint, jwk, contact, binding, status,
				created_at) VALUES ('a', 'sub1', 'more', 'k', 't', '{}', '[]', '', 'valid', ` + at + `)`,
			`INSERT INTO acme_orders (id, configuration_id, account_id, status, expires_at, identifiers, names, profile, replaces_name,
				csr_sha256, created_at) VALUES
				('o1', 'more', 'a', 'ready',
					` + at + `, '[]', '', 'vpn', '', '', ` + at + `), ('o2', 'more', 'a', 'ready', ` + at + `, '[]', '', 'gone', '', '', ` +
				at + `), ('o3', 'more', 'a', 'ready', ` + at + `, '[]', '', 'web', '', '', ` + at + `)`,
		} {
			if _, err := db.Exec(types[d].Replace(statement)); err != nil {
				t.Fatal(statement, err)
			}
		}
		if _, err := Up(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		list := func(query string) (text string) {
			t.Helper()
			rows, err := db.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rows.Close() }() // read to its end
			for rows.Next() {
				var one string
				if err := rows.Scan(&one); err != nil {
					t.Fatal(err)
				}
				text += one + "\n"
			}
			return text
		}
		if got := list(
			`SELECT configuration_id || ' ' || name || ' ' || ca_id || ' ' || profile_id || ' ' || rules FROM protocol_offerings ORDER BY
				configuration_id, position`,
		); got !=
			"more web ca2 web {}\nmore mail ca2 mail {}\nmore vpn ca2 vpn {}\nnull web ca1 web {}\nplain web ca1 web {}\n" {
			t.Errorf("offerings:\n%s", got)
		}
		if got := list(
			`SELECT a.id || ' ' || COALESCE(o.name, '-') FROM acme_orders a LEFT JOIN protocol_offerings o ON o.id = a.offering_id ORDER BY
				a.id`,
		); got != "o1 vpn\no2 -\no3 web\n" {
			t.Errorf("orders:\n%s", got)
		}
		if got := list(
			`SELECT replace(settings, ' ', '') FROM protocol_configurations ORDER BY id`,
		); got != "{\"orderHours\":5}\n{}\n{}\n" {
			t.Errorf("settings:\n%s", got)
		}
	})
}
