package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
	"golang.org/x/crypto/ocsp"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// ocsp asks for a certificate as a relying party does.
func (b *statusBench) ocsp(c *certificate.Certificate) *ocsp.Response {
	b.t.Helper()
	subject, err := x509.ParseCertificate(c.DER)
	if err != nil {
		b.t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(b.ca.Certificate)
	if err != nil {
		b.t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(subject, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := ocsp.ParseResponse(b.status.OCSP(context.Background(), b.ca.PartitionID, b.ca.Identifier, request).DER, issuer)
	if err != nil {
		b.t.Fatal(err)
	}
	return response
}

// lintList is what zlint finds wrong with a list.
func lintList(t *testing.T, list *x509.RevocationList) {
	t.Helper()
	parsed, err := zx509.ParseRevocationList(list.Raw)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for name, result := range zlint.LintRevocationList(parsed).Results {
		found = found || name == "e_crl_revocation_time_after_this_update" && result.Status == lint.Pass
		if result.Status >= lint.Warn && name != "e_crl_extensions_validity" &&
			name != "e_cab_crl_has_valid_reason_code" { // the CA/Browser Forum has no expiredCertsOnCRL and no certificateHold
			t.Errorf("CRL %d: zlint: %s %s", list.Number, name, result.Details)
		}
	}
	if !found {
		t.Errorf("CRL %d: an entry after thisUpdate", list.Number)
	}
}

// TestClockBehindTheLastCRL: the clock was an hour ahead and is put back by 50 minutes. A key compromise is on the CRL, on
// the delta CRL and in the OCSP answer at once, none of them dated before the one before or before its entries; and an
// alarm tells of the clock.
func TestClockBehindTheLastCRL(t *testing.T) {
	b := newStatusBench(t)
	t.Cleanup(func() { ahead.Store(0) })
	list := "crl.crl"
	for _, delta := range []bool{false, true} {
		ahead.Store(int64(time.Hour))
		if delta {
			list = "delta.crl"
			if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Delta: true, Complete: true}); err != nil {
				t.Fatal(err)
			}
		}
		earlier, c := b.issue(fmt.Sprintf("earlier-%t.example.com", delta)), b.issue(fmt.Sprintf("compromised-%t.example.com", delta))
		if _, err := b.certificates.Revoke(b.ctx, earlier.ID, certificate.Superseded, nil); err != nil {
			t.Fatal(err)
		}
		if b.ocsp(c).Status != ocsp.Good {
			t.Error("it is not good yet")
		}
		before := b.awaitList(
			list, "a list with the earlier one", func(l *x509.RevocationList) bool { return reasonOn(l, earlier.SerialNumber) == 4 },
		)
		lintList(t, before)
		b.quiet()

		ahead.Store(int64(10 * time.Minute))
		if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
			t.Fatal(err)
		}
		after := b.awaitList(
			list, "a list with the compromised one", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 1 },
		)
		lintList(t, after)
		if after.Number.Cmp(before.Number) <= 0 || after.ThisUpdate.Before(before.ThisUpdate) || !after.NextUpdate.After(
			before.ThisUpdate.Add(23*time.Hour),
		) {
			t.Errorf(
				"CRL %d of %s to %s follows %d of %s", after.Number, after.ThisUpdate, after.NextUpdate, before.Number, before.ThisUpdate,
			)
		}
		eventually(t, "OCSP tells it", func() error {
			if r := b.ocsp(c); r.Status != ocsp.Revoked || r.ThisUpdate.Before(r.RevokedAt) || r.ProducedAt.Before(r.RevokedAt) {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
		if r := b.ocsp(earlier); r.Status != ocsp.Revoked || r.ThisUpdate.Before(r.RevokedAt) || r.ProducedAt.Before(r.RevokedAt) ||
			!r.NextUpdate.After(r.ThisUpdate) {
			t.Errorf("revoked at %s, told at %s (%s to %s)", r.RevokedAt, r.ProducedAt, r.ThisUpdate, r.NextUpdate)
		}
		got := b.ask(t, rbac.SystemActor(), `{ certificationAuthority(id: "`+b.ca.ID+`") { crl { alarm { reason kind } } } }`, nil)
		if text := fmt.Sprint(got.Data); !regexp.MustCompile(
			`the clock of the server is [0-9]+m`,
		).MatchString(text) || !strings.Contains(text, "kind:CLOCK_BEHIND") {
			t.Errorf("the alarm is %s", text)
		}
	}
	events := func(action string) (n int64) {
		if err := b.store.DB(b.ctx).Table("audit_events").Where("action = ? AND result = 'FAILED'", action).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	b.checkClock(b.ctx)
	b.checkClock(b.ctx)
	if n := events("clock.behind"); n != 1 {
		t.Errorf("%d events of the clock", n)
	}
	if n := events("crl.clock"); n == 0 {
		t.Error("no event of the lists")
	}
	w := httptest.NewRecorder()
	b.admin().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if strings.Contains(
		w.Body.String(), "pkiaas_clock_behind_seconds 0\n",
	) || !strings.Contains(w.Body.String(), "pkiaas_clock_behind_seconds ") {
		t.Error("the metric does not tell it")
	}
	// The clock is right as it is, says a person: the lists bear its time again.
	if c, err := b.status.AcceptHeld(b.ctx, b.ca.ID, "It was an hour ahead."); err != nil || c.CRLAlarm != "" {
		t.Errorf("%q, %v", c.CRLAlarm, err)
	}
	// And otherwise the alarm ends with the next list once the clock is past.
	ahead.Store(int64(2 * time.Hour))
	if c, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil || c.CRLAlarm != "" {
		t.Errorf("%q, %v", c.CRLAlarm, err)
	}
	lintList(t, b.fetch("crl.crl"))
}

// backup remembers what the database says of a CA, and brings it back.
type backup struct {
	b      *statusBench
	ca     ca.CertificationAuthority
	rows   map[string]certificate.Certificate
	newest int64
}

func (b *statusBench) backup() *backup {
	b.t.Helper()
	b.quiet()
	k := &backup{b: b, ca: *b.reload(), rows: map[string]certificate.Certificate{}}
	var rows []certificate.Certificate
	if err := b.store.DB(b.ctx).Find(&rows, "ca_id = ?", b.ca.ID).Error; err != nil {
		b.t.Fatal(err)
	}
	for _, c := range rows {
		k.rows[c.ID] = c
	}
	var err error
	if k.newest, err = b.audit.Head(b.ctx, b.ca.PartitionID); err != nil {
		b.t.Fatal(err)
	}
	return k
}

func (k *backup) restore() {
	b := k.b
	b.t.Helper()
	b.quiet()
	var rows []certificate.Certificate
	if err := b.store.DB(b.ctx).Find(&rows, "ca_id = ?", b.ca.ID).Error; err != nil {
		b.t.Fatal(err)
	}
	for _, c := range rows {
		was, had := k.rows[c.ID]
		if !had {
			b.exec("DELETE FROM certificates WHERE id = ?", c.ID)
			continue
		}
		b.exec(
			"UPDATE certificates SET status = ?, revoked_at = ?, revocation_reason = ?, status_version = 0 WHERE id = ?", was.Status,
			was.RevokedAt, was.RevocationReason, c.ID,
		)
	}
	b.exec("DELETE FROM crl_lists WHERE ca_id = ? AND number > ?", b.ca.ID, k.ca.CRLNumber)
	b.exec("DELETE FROM adopted_revocations WHERE ca_id = ?", b.ca.ID)
	b.exec(
		"UPDATE certification_authorities SET crl_number = ?, status_version = ? WHERE id = ?", k.ca.CRLNumber, k.ca.StatusVersion,
		b.ca.ID,
	)
	head, err := b.audit.Head(b.ctx, b.ca.PartitionID)
	if err != nil {
		b.t.Fatal(err)
	}
	b.cutOff(head - k.newest)
	// As the server starts.
	b.status.Forget()
	b.record.reconciled.Store(false)
}

// TestBackupOfADayAgo: the database is brought back as it was before a key compromise and before a certificate was issued
// and revoked. What the CRL in the directory says is taken over before anything is served, and no number is given twice.
func TestBackupOfADayAgo(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testBackupOfADayAgo(t, "") })
	t.Run("postgres", func(t *testing.T) { testBackupOfADayAgo(t, storetest.Postgres(t)) })
}

func testBackupOfADayAgo(t *testing.T, database string) {
	b, _ := statusBenchOn(t, database)
	folder := t.TempDir()
	dir := status.Directory(folder)
	b.status.Destinations = []status.Destination{dir}
	c, held := b.issue("compromised.example.com"), b.issue("held.example.com")
	if err := b.audit.Heads.Round(b.ctx); err != nil {
		t.Fatal(err)
	}
	k := b.backup()
	later := b.issue("later.example.com")
	for id, reason := range map[string]certificate.Reason{c.ID: certificate.KeyCompromise, later.ID: certificate.Superseded} {
		if _, err := b.certificates.Revoke(b.ctx, id, reason, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.certificates.Suspend(b.ctx, held.ID, nil); err != nil {
		t.Fatal(err)
	}
	listed := func(l *x509.RevocationList) bool {
		return reasonOn(l, c.SerialNumber) == 1 && reasonOn(l, later.SerialNumber) == 4 && reasonOn(l, held.SerialNumber) == 6
	}
	before := b.awaitList("crl.crl", "all three are listed", listed)
	name := b.ca.PartitionID + "/" + b.ca.Identifier + "/crl.crl"
	eventually(t, "the list lies in the directory", func() error {
		der, err := b.status.Fetch(b.ctx, dir, name)
		if err != nil || !bytes.Equal(der, before.Raw) {
			before = b.fetch("crl.crl")
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	if err := b.audit.Heads.Round(b.ctx); err != nil {
		t.Fatal(err)
	}

	k.restore()
	if b.ocsp(c).Status != ocsp.Good {
		t.Fatal("the backup knows it already")
	}
	ahead, err := b.status.Compare(b.ctx)
	if err != nil || len(ahead) != 1 || ahead[0].Number != before.Number.Int64() || len(ahead[0].Behind) != 2 ||
		len(ahead[0].Missing) != 1 {
		t.Fatalf("%+v, %v", ahead, err)
	}
	// Somebody else's list, and an altered one, are not believed.
	altered := bytes.Clone(before.Raw)
	altered[len(altered)-1] ^= 1
	if other, err := b.status.Compare(
		b.ctx, status.File{Name: "altered", DER: altered}, status.File{Name: "nothing", DER: []byte("x")},
	); err != nil || len(other) != 1 {
		t.Errorf("%+v, %v", other, err)
	}
	b.status.Forget()
	b.reconcile(b.ctx)
	for _, one := range []*certificate.Certificate{c, later, held} {
		if r := b.ocsp(one); r.Status != ocsp.Revoked {
			t.Errorf("%s: OCSP says %d", one.Subject, r.Status)
		}
	}
	if got, err := b.certificates.Get(b.ctx, c.ID); err != nil || got.Status != certificate.Revoked ||
		got.RevocationReason != certificate.KeyCompromise {
		t.Errorf("%+v, %v", got, err)
	}
	after := b.awaitList(
		"crl.crl", "a list behind the one outside", func(l *x509.RevocationList) bool { return l.Number.Cmp(before.Number) > 0 },
	)
	if !listed(after) {
		t.Error("the new list has lost some")
	}
	lintList(t, after)
	for _, e := range before.RevokedCertificateEntries {
		for _, now := range after.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(now.SerialNumber) == 0 && !e.RevocationTime.Equal(now.RevocationTime) {
				t.Errorf("%x was revoked at %s and now at %s", e.SerialNumber, e.RevocationTime, now.RevocationTime)
			}
		}
	}
	if again, err := b.status.Compare(b.ctx); err != nil || len(again) != 0 {
		t.Errorf("still ahead: %+v, %v", again, err)
	}
	var n int64
	if err := b.store.DB(b.ctx).Table("audit_events").Where(
		"action IN ? AND partition_id = ? AND (summary LIKE 'Took over%' OR action = 'crl.adopt')",
		[]string{"crl.adopt", "certificate.adopt", "certificate.revoke", "certificate.suspend"}, b.ca.PartitionID,
	).Count(&n).Error; err != nil || n != 4 {
		t.Errorf("%d events, %v", n, err)
	}
	if err := b.audit.Heads.Round(b.ctx); err != nil {
		t.Fatal(err)
	}
	if v, err := b.audit.Verify(b.ctx, b.ca.PartitionID); err != nil || v.Alarm == nil {
		t.Errorf("the log has lost its end, and nobody says so: %+v, %v", v, err)
	}

	// Nothing lies outside: the number is not given a second time all the same.
	b.status.Destinations = nil
	last := b.fetch("crl.crl")
	k.restore()
	b.reconcile(b.ctx)
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	if got := b.fetch("crl.crl"); got.Number.Cmp(last.Number) <= 0 {
		t.Errorf("CRL %d was given out before: %d", got.Number, last.Number)
	}
	// Somebody has kept a copy.
	ahead, err = b.status.Compare(b.ctx, status.File{Name: "kept.crl", DER: last.Raw})
	if err != nil || len(ahead) != 1 || len(ahead[0].Behind)+len(ahead[0].Missing) != 3 {
		t.Fatalf("%+v, %v", ahead, err)
	}
	if err := b.status.Adopt(b.ctx, ahead[0]); err != nil {
		t.Fatal(err)
	}
	b.awaitList("crl.crl", "all three are listed", listed)

	// The command shows all of it, and does nothing until it is given a reason.
	k.restore()
	b.record.reconciled.Store(true)
	cfg := *b.cfg
	cfg.CRLDirectory = folder
	var out bytes.Buffer
	if err := Restore(b.ctx, &cfg, nil, "", strings.NewReader("\n"), &out); !errors.Is(err, ErrNotAccepted) {
		t.Fatalf("%v %s", err, &out)
	}
	for _, want := range []string{
		c.SerialNumber + "  revoked at", "valid in the database", later.SerialNumber + "  revoked at", "not in the database",
		"Audit log: event ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown: %s", want, &out)
		}
	}
	b.status.Forget()
	if b.ocsp(c).Status != ocsp.Good {
		t.Error("taken over without a reason")
	}
	out.Reset()
	var user string
	if err := b.store.DB(b.ctx).Table("users").Limit(1).Pluck("id", &user).Error; err != nil {
		t.Fatal(err)
	}
	b.exec("INSERT INTO address_proofs (user_id, purpose, hash, created_at, expires_at) VALUES (?, 'PASSWORD', ?, ?, ?)", user,
		[]byte("used since"), b.now(), b.now().Add(time.Hour))
	if err := Restore(b.ctx, &cfg, nil, "", strings.NewReader("The disk was lost.\n"), &out); err != nil {
		t.Fatalf("%v %s", err, &out)
	}
	var proofs int64
	if err := b.store.DB(b.ctx).Table("address_proofs").Count(&proofs).Error; err != nil || proofs != 0 {
		t.Errorf("%d links can be used again, %v", proofs, err)
	}
	b.status.Forget()
	for _, one := range []*certificate.Certificate{c, later, held} {
		if r := b.ocsp(one); r.Status != ocsp.Revoked {
			t.Errorf("%s: OCSP says %d", one.Subject, r.Status)
		}
	}
	b.awaitList("crl.crl", "all three are listed", listed)
	if err := b.audit.Heads.Round(b.ctx); err != nil {
		t.Fatal(err)
	}
	if v, err := b.audit.Verify(b.ctx, b.ca.PartitionID); err != nil || !v.Intact() {
		t.Errorf("%+v, %v", v, err)
	}
	var reasons []string
	if err := b.store.DB(b.ctx).Table("audit_events").Where(
		"action IN ?", []string{"database.restore", "audit.accept"},
	).Pluck("details", &reasons).Error; err != nil || len(reasons) < 2 || strings.Count(
		strings.Join(reasons, ""), "The disk was lost.",
	) != len(reasons) {
		t.Errorf("%q, %v", reasons, err)
	}
	out.Reset()
	if err := VerifyAudit(b.ctx, &cfg, b.cfg.AuditHeads, &out); err != nil {
		t.Errorf("%v %s", err, &out)
	}
	b.quiet()
	if err := b.audit.Heads.Round(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.cutOff(1)
	out.Reset()
	if err := VerifyAudit(b.ctx, &cfg, b.cfg.AuditHeads, &out); err == nil || !strings.Contains(out.String(), "ALARM: event ") {
		t.Errorf("%v %s", err, &out)
	}
}
