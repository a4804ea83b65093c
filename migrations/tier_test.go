package migrations

import (
	"database/sql"
	"testing"
)

// TestTiersAndAlarms upgrades a database with subscriptions and notifications: a tier that does not follow the purchased number stays
// as it is, and those who were told of expiry are told of all alarms.
func TestTiersAndAlarms(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, d Dialect) {
		provider, err := newProvider(db, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.UpTo(t.Context(), 38); err != nil {
			t.Fatal(err)
		}
		const at = "'2026-01-02 03:04:05+00:00'"
		for _, statement := range []string{
			`INSERT INTO subscriptions (id, name, tier, purchased_certificates, purchased_cas, created_at) VALUES ('small', 'a', 'STANDARD',
				999999, 1, ` + at + `), ('large', 'b', 'PREMIUM', 1000000, 1, ` + at +
				`), ('generous', 'c', 'PREMIUM', 10, 1, ` + at + `), ('mean', 'd', 'STANDARD', 1000000, 1, ` + at +
				`), ('own', 'e', 'UNLIMITED', 1000000, 1, ` + at + `)`,
			`INSERT INTO partitions (id, subscription_id, name, region, terms_accepted_by, created_at) VALUES ('sub1', 'small', 'a', 'US',
				'x', ` + at + `)`,
			`INSERT INTO notification_settings (partition_id, days, recipients) VALUES ('sub1', '[30]', '["a@example.com"]')`,
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Up(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		for id, set := range map[string]bool{"small": false, "large": false, "generous": true, "mean": true, "own": true} {
			var got bool
			if err := db.QueryRow("SELECT tier_set FROM subscriptions WHERE id = '" + id + "'").Scan(&got); err != nil || got != set {
				t.Errorf("%s: %v, %v", id, got, err)
			}
		}
		var alarms string
		if err := db.QueryRow("SELECT alarms FROM notification_settings").Scan(&alarms); err != nil ||
			alarms != `["KEY_REFUSED","CRL_HELD","KEY_STORE_AWAY","APPROVAL_WAITING"]` {
			t.Errorf("%s, %v", alarms, err)
		}
	})
}
