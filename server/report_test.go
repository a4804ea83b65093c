package server

import (
	"context"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/report"
	"github.com/pkiaas/pkiaas/rbac"
)

// TestReports compares the reports with a count by hand, row by row.
func TestReports(t *testing.T) {
	a, m := inProcess(t)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	set := func(id, keyType, signature string, notAfter time.Time) {
		t.Helper()
		if err := a.store.DB(ctx).Exec(
			"UPDATE certificates SET key_type = ?, signature_algorithm = ?, not_after = ?, status = 'ISSUED', revoked_at = NULL WHERE "+
				"id = ?",
			keyType, signature, notAfter, id,
		).Error; err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		ID, Kind, Status, ProfileID string
		CreatedAt, NotAfter         time.Time
		RevokedAt                   *time.Time
	}
	rows := func() (list []row) {
		t.Helper()
		if err := a.store.DB(ctx).Raw(
			"SELECT id, kind, status, profile_id, created_at, not_after, revoked_at FROM certificates WHERE partition_id = ? AND kind = "+
				"'SUBSCRIBER' ORDER BY id",
			m.Partition.ID,
		).Scan(&list).Error; err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := rows()
	late := time.Date(2036, 6, 1, 0, 0, 0, 0, time.UTC)
	set(all[0].ID, "RSA 2048", "sha1-with-rsa", a.now().AddDate(1, 0, 0))
	set(all[1].ID, "RSA 2048", "sha256WithRSAEncryption", late)
	set(all[2].ID, "ML-DSA-65", "ML-DSA-65", late)
	all = rows()

	issued, revoked, byProfile, byDay := 0, 0, map[string]int{}, map[string]int{}
	for _, r := range all {
		issued++
		byProfile[r.ProfileID]++
		if r.Status == "REVOKED" {
			revoked++
		}
		if r.Status != "REVOKED" && r.NotAfter.After(a.now()) && r.NotAfter.Before(a.now().AddDate(0, 0, 366)) {
			byDay[r.NotAfter.UTC().Format(time.DateOnly)]++
		}
	}
	for _, interval := range []report.Interval{report.Day, report.Month} {
		list, err := a.report.Activity(ctx, m.Partition.ID, nil, nil, interval)
		if err != nil {
			t.Fatal(err)
		}
		i, r := 0, 0
		for _, p := range list {
			i, r = i+p.Issued, r+p.Revoked
		}
		if i != issued || r != revoked {
			t.Errorf("by %s: %d issued and %d revoked, by hand %d and %d", interval, i, r, issued, revoked)
		}
	}
	shares, err := a.report.Breakdown(ctx, m.Partition.ID, nil, nil, report.ByProfile)
	if err != nil || len(shares) != len(byProfile) {
		t.Fatalf("%d profiles, by hand %d: %v", len(shares), len(byProfile), err)
	}
	for _, s := range shares {
		if s.Issued != byProfile[s.Key] {
			t.Errorf("%s: %d, by hand %d", s.Key, s.Issued, byProfile[s.Key])
		}
	}
	expiries, err := a.report.Expiries(ctx, m.Partition.ID, 366)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range expiries {
		if e.Certificates != byDay[e.Start] {
			t.Errorf("%s: %d expire, by hand %d", e.Start, e.Certificates, byDay[e.Start])
		}
		delete(byDay, e.Start)
	}
	if len(byDay) > 0 {
		t.Errorf("left out: %v", byDay)
	}
	found, err := a.report.Cryptography(ctx, m.Partition.ID)
	if err != nil {
		t.Fatal(err)
	}
	concerns := map[string]*report.Concern{}
	for _, c := range found.Concerns {
		concerns[c.ID] = c
	}
	if c := concerns["sha1"]; c == nil || c.Certificates != 1 || c.Severity != report.Critical {
		t.Errorf("SHA-1: %+v", c)
	}
	if c := concerns["rsa-2030"]; c == nil || c.Certificates != 1 {
		t.Errorf("RSA 2048 beyond 2030: %+v", c)
	}
	if c := concerns["quantum-2035"]; c == nil || c.Certificates != 1 {
		t.Errorf("no post-quantum key beyond 2035, the one with ML-DSA not counted: %+v", c)
	}
	if _, err := a.report.Activity(ctx, m.Partition.ID, new(a.now().AddDate(-20, 0, 0)), nil, report.Day); !fault.Is(err, fault.Invalid) {
		t.Errorf("twenty years: %v", err)
	}
}
