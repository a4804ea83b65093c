package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/rbac"
)

// statusBench is a CA of the demo's estate and what its tests do with it.
type statusBench struct {
	*App
	t   *testing.T
	ctx context.Context
	ca  *ca.CertificationAuthority
}

func newStatusBench(t *testing.T) *statusBench {
	b, _ := statusBenchOn(t, "")
	return b
}

func statusBenchOn(t *testing.T, database string, change ...func(*Config)) (*statusBench, *Manifest) {
	a, m := inProcessOn(t, database, change...)
	ctx := rbac.WithActor(t.Context(), rbac.SystemActor())
	c, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	return &statusBench{a, t, ctx, c}, m
}

func (b *statusBench) reload() *ca.CertificationAuthority {
	b.t.Helper()
	c, err := b.cas.Get(b.ctx, b.ca.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	b.ca = c
	return c
}

func (b *statusBench) issue(host string) *certificate.Certificate {
	b.t.Helper()
	csr, err := demoCSR(host)
	if err != nil {
		b.t.Fatal(err)
	}
	made, err := b.enrollment.Issue(b.ctx, intake.Text{CAID: b.ca.ID, ProfileID: "privatessl-tls-client-server", CSR: csr}.Request())
	if err != nil {
		b.t.Fatal(err)
	}
	return made.Certificate
}

// fetch gets a list as a relying party does, and checks its signature; nil when there is none.
func (b *statusBench) fetch(file string) *x509.RevocationList {
	b.t.Helper()
	r, err := http.Get(b.cas.URLs.PublicURL + "/crl/" + b.ca.PartitionID + "/" + b.ca.Identifier + "/" + file)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	der, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if r.StatusCode == http.StatusNotFound {
		return nil
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		b.t.Fatalf("%s: %s %v", file, r.Status, err)
	}
	issuer, err := x509.ParseCertificate(b.ca.Certificate)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		b.t.Fatalf("%s: %v", file, err)
	}
	return list
}

// awaitList waits for a list that is as wanted.
func (b *statusBench) awaitList(file, what string, want func(*x509.RevocationList) bool) *x509.RevocationList {
	b.t.Helper()
	var list *x509.RevocationList
	eventually(b.t, what, func() error {
		if list = b.fetch(file); list == nil || !want(list) {
			return errors.New("not yet")
		}
		return nil
	})
	return list
}

func reasonOn(list *x509.RevocationList, serial string) int {
	n, _ := new(big.Int).SetString(serial, 16)
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(n) == 0 {
			return e.ReasonCode
		}
	}
	return -1
}

func extensionOf(list *x509.RevocationList, oid asn1.ObjectIdentifier) []byte {
	for _, e := range list.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

var deltaIndicator, issuingPoint, freshest = asn1.ObjectIdentifier{2, 5, 29, 27}, asn1.ObjectIdentifier{2, 5, 29,
	28}, asn1.ObjectIdentifier{2, 5, 29, 46}

func (b *statusBench) exec(sql string, args ...any) {
	b.t.Helper()
	if err := b.store.Tx(b.ctx, func(ctx context.Context) error { return b.store.DB(ctx).Exec(sql, args...).Error }); err != nil {
		b.t.Fatal(err)
	}
}

// TestSabotagedCRLIsHeldBack: rows are altered behind the program's back. The list before goes on being served, the alarm
// is raised once, and only a person's word or the repair ends it.
func TestSabotagedCRLIsHeldBack(t *testing.T) {
	b := newStatusBench(t)
	c := b.issue("lost.example.com")
	if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	listed := func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 1 }
	good := b.awaitList("crl.crl", "the revoked certificate is listed", listed)

	held := func(what, reason string) {
		t.Helper()
		_, err := b.status.PublishNow(b.ctx, b.ca.ID)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), reason) {
			t.Fatalf("%s: %v", what, err)
		}
		if got := b.fetch("crl.crl"); got.Number.Cmp(good.Number) != 0 || !listed(got) {
			t.Errorf("%s: CRL %d is served, not %d", what, got.Number, good.Number)
		}
		got := b.ask(t, rbac.SystemActor(), `{ certificationAuthority(id: "`+b.ca.ID+`") { crl { alarm { reason since } } } }`, nil)
		if !strings.Contains(fmt.Sprint(got.Data), reason) {
			t.Errorf("%s: the alarm is %v", what, got.Data)
		}
		if n, err := b.status.Alarms(b.ctx); err != nil || n != 1 {
			t.Errorf("%s: %d are held, %v", what, n, err)
		}
		var events int64
		if err := b.store.DB(b.ctx).Table("audit_events").Where(
			"action = 'crl.hold' AND result = 'FAILED' AND object_id = ? AND summary LIKE ?", b.ca.ID, "%"+reason+"%",
		).Count(&events).Error; err != nil || events != 1 {
			t.Errorf("%s: %d audit events, %v", what, events, err)
		}
	}
	b.exec("UPDATE certificates SET status = 'ISSUED', revoked_at = NULL WHERE id = ?", c.ID)
	held("an entry lost", "are missing though nobody released them: "+c.SerialNumber)
	held("an entry lost, tried again", "are missing though nobody released them: "+c.SerialNumber)
	b.exec("DELETE FROM certificates WHERE id = ?", c.ID)
	held("a row deleted", "are missing though nobody released them: "+c.SerialNumber)
	restored := *c
	now := b.now()
	restored.Status, restored.RevokedAt, restored.RevocationReason = certificate.Revoked, &now, certificate.KeyCompromise
	if err := b.store.Tx(b.ctx, func(ctx context.Context) error { return b.store.DB(ctx).Create(&restored).Error }); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE certification_authorities SET crl_number = 1 WHERE id = ?", b.ca.ID) // the next is beyond it all the same
	b.exec("UPDATE crl_lists SET sha256 = ? WHERE ca_id = ?", make([]byte, 32), b.ca.ID)
	held("the list before altered", "is not as it was published")
	sum := b.reload()
	if sum.CRLAlarmAt == nil {
		t.Error("the alarm has no time")
	}
	// A person takes the responsibility.
	if _, err := b.status.AcceptHeld(b.ctx, b.ca.ID, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("accepted without a reason: %v", err)
	}
	if _, err := b.status.AcceptHeld(b.ctx, b.ca.ID, "the database was repaired by hand"); err != nil {
		t.Fatal(err)
	}
	if after := b.fetch("crl.crl"); after.Number.Cmp(good.Number) <= 0 || !listed(after) || b.reload().CRLAlarm != "" {
		t.Errorf("after acceptance: CRL %d, alarm %q", after.Number, b.ca.CRLAlarm)
	}
	// A list that does not verify is not published on anybody's word: the key in the row is another CA's.
	key := b.ca.KeyID
	var other ca.CertificationAuthority
	if err := b.store.DB(b.ctx).Take(&other, "id <> ? AND key_id <> ''", b.ca.ID).Error; err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE certification_authorities SET key_id = ? WHERE id = ?", other.KeyID, b.ca.ID)
	good = b.fetch("crl.crl")
	held("the wrong key", "The signature of the CRL does not verify")
	if _, err := b.status.AcceptHeld(b.ctx, b.ca.ID, "I insist"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a list that does not verify was accepted: %v", err)
	}
	b.exec("UPDATE certification_authorities SET key_id = ? WHERE id = ?", key, b.ca.ID)
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil || b.reload().CRLAlarm != "" {
		t.Errorf("after the repair: %v, alarm %q", err, b.ca.CRLAlarm)
	}
}

// TestEndedSuspensionLeavesTheCRL: what was released by a person is not taken for lost.
func TestEndedSuspensionLeavesTheCRL(t *testing.T) {
	b := newStatusBench(t)
	c := b.issue("hold.example.com")
	if _, err := b.certificates.Suspend(b.ctx, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	b.awaitList(
		"crl.crl", "the suspended certificate is listed", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 6 },
	)
	if _, err := b.certificates.Unsuspend(b.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	b.awaitList("crl.crl", "it is gone again", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == -1 })
	if b.reload().CRLAlarm != "" {
		t.Error(b.ca.CRLAlarm)
	}
}

// TestDeltaCRL: a change of status makes a delta CRL and no new complete one; OpenSSL believes both together.
func TestDeltaCRL(t *testing.T) {
	b := newStatusBench(t)
	before, held := b.issue("before.example.com"), b.issue("held.example.com")
	if _, err := b.certificates.Suspend(b.ctx, held.ID, nil); err != nil {
		t.Fatal(err)
	}
	if b.fetch("delta.crl") != nil {
		t.Error("a delta CRL is served though there are none")
	}
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Delta: true, AutomaticShards: true, Complete: true}); err != nil {
		t.Fatal(err)
	}
	address := b.cas.URLs.CRLShard(b.ca, 0, true)
	base := b.awaitList("crl.crl", "the complete list points to its delta CRL", func(l *x509.RevocationList) bool {
		return bytes.Contains(extensionOf(l, freshest), []byte(address)) && reasonOn(l, held.SerialNumber) == 6
	})
	b.reload()
	after := b.issue("after.example.com")
	if parsed, err := x509.ParseCertificate(after.DER); err != nil || !slices.ContainsFunc(
		parsed.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(freshest) && bytes.Contains(e.Value, []byte(address)) },
	) {
		t.Errorf("the certificate does not point to the delta CRL: %v", err)
	}
	for _, c := range []*certificate.Certificate{before, after} {
		if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.Superseded, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.certificates.Unsuspend(b.ctx, held.ID); err != nil {
		t.Fatal(err)
	}
	delta := b.awaitList("delta.crl", "the delta CRL lists what changed", func(l *x509.RevocationList) bool {
		return reasonOn(l, before.SerialNumber) == 4 && reasonOn(l, after.SerialNumber) == 4 && reasonOn(l, held.SerialNumber) == 8
	})
	if again := b.fetch("crl.crl"); again.Number.Cmp(base.Number) != 0 {
		t.Errorf("the complete list was made anew: %d after %d", again.Number, base.Number)
	}
	var indicated *big.Int
	if _, err := asn1.Unmarshal(
		extensionOf(delta, deltaIndicator), &indicated,
	); err != nil || indicated.Cmp(base.Number) != 0 || delta.Number.Cmp(base.Number) <= 0 || extensionOf(delta, freshest) != nil {
		t.Errorf("delta CRL %d to %d (complete: %d) %v", delta.Number, indicated, base.Number, err)
	}
	// openssl verify -use_deltas judges by both: revoked since, and no longer on hold.
	if out := opensslVerify(t, b, after, base, delta); !strings.Contains(out, "certificate revoked") {
		t.Errorf("revoked since the complete list: %s", out)
	}
	if out := opensslVerify(t, b, held, base, delta); !strings.Contains(out, ": OK") {
		t.Errorf("no longer on hold: %s", out)
	}
	// What a delta CRL said, the next one says too.
	b.exec("UPDATE certificates SET status = 'ISSUED', revoked_at = NULL WHERE id = ?", after.ID)
	last := b.issue("last.example.com")
	if _, err := b.certificates.Revoke(b.ctx, last.ID, certificate.Superseded, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a delta CRL that lost an entry is held back", func() error {
		if b.reload().CRLAlarm == "" {
			return errors.New("no alarm")
		}
		return nil
	})
	if l := b.fetch("delta.crl"); reasonOn(l, after.SerialNumber) != 4 || reasonOn(l, last.SerialNumber) != -1 {
		t.Error("a delta CRL that lost an entry is served")
	}
}

// TestShards: new certificates carry the address of a shard, whose list says that it is only theirs; the list of the CA
// goes on naming everything until it is told otherwise.
func TestShards(t *testing.T) {
	b := newStatusBench(t)
	old := b.issue("old.example.com")
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Shards: 1}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one shard: %v", err)
	}
	set := status.Settings{Shards: 2, Complete: true}
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, set); err != nil {
		t.Fatal(err)
	}
	b.awaitList("shard-2.crl", "the shards are served", func(*x509.RevocationList) bool { return true })
	eventually(t, "certificates may carry their addresses", func() error {
		if b.reload().CRLShardLast != 2 {
			return errors.New("not yet")
		}
		return nil
	})
	// The hash of the serial number chooses; it takes a few to have one of each.
	byShard := map[int64]*certificate.Certificate{}
	for n := 0; len(byShard) < 2; n++ {
		c := b.issue(fmt.Sprintf("shard%d.example.com", n))
		parsed, err := x509.ParseCertificate(c.DER)
		if err != nil {
			t.Fatal(err)
		}
		if address := b.cas.URLs.CRLShard(b.ca, c.CRLShard, false); c.CRLShard < 1 || c.CRLShard > 2 ||
			len(parsed.CRLDistributionPoints) != 1 || parsed.CRLDistributionPoints[0] != address {
			t.Fatalf("shard %d, and it carries %v", c.CRLShard, parsed.CRLDistributionPoints)
		}
		byShard[c.CRLShard] = c
	}
	for _, c := range []*certificate.Certificate{old, byShard[1], byShard[2]} {
		if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.Superseded, nil); err != nil {
			t.Fatal(err)
		}
	}
	for shard, c := range byShard {
		file := fmt.Sprintf("shard-%d.crl", shard)
		l := b.awaitList(
			file, "the shard lists its certificate", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 4 },
		)
		if reasonOn(l, byShard[3-shard].SerialNumber) != -1 || reasonOn(l, old.SerialNumber) != -1 {
			t.Errorf("%s lists certificates of others", file)
		}
		if !bytes.Contains(extensionOf(l, issuingPoint), []byte(b.cas.URLs.CRLShard(b.ca, shard, false))) {
			t.Errorf("%s does not say whose it is", file)
		}
		if out := opensslVerify(t, b, c, l); !strings.Contains(out, "certificate revoked") {
			t.Errorf("openssl: %s", out)
		}
		if out := opensslVerify(t, b, byShard[3-shard], l); !strings.Contains(out, "different CRL scope") {
			t.Errorf("openssl takes a list for that of another shard: %s", out)
		}
	}
	all := b.awaitList("crl.crl", "the list of the CA names all", func(l *x509.RevocationList) bool {
		return reasonOn(l, old.SerialNumber) == 4 && reasonOn(l, byShard[1].SerialNumber) == 4 && reasonOn(l, byShard[2].SerialNumber) == 4
	})
	if extensionOf(all, issuingPoint) != nil {
		t.Error("the list that names all says that it does not")
	}
	b.aKeptShard(byShard[1])
	set.Complete = false
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, set); err != nil {
		t.Fatal(err)
	}
	own := b.awaitList(
		"crl.crl", "the list of the CA names its own", func(l *x509.RevocationList) bool { return extensionOf(l, issuingPoint) != nil },
	)
	if reasonOn(own, old.SerialNumber) != 4 || reasonOn(own, byShard[1].SerialNumber) != -1 || b.reload().CRLAlarm != "" {
		t.Errorf("it names %d, alarm %q", len(own.RevokedCertificateEntries), b.ca.CRLAlarm)
	}
}

// aKeptShard: a copy of a shard's list that somebody has kept is compared with that shard, not with the list of the CA.
func (b *statusBench) aKeptShard(c *certificate.Certificate) {
	b.t.Helper()
	kept := b.fetch("shard-1.crl")
	if err := b.store.DB(b.ctx).Exec("DELETE FROM crl_lists WHERE ca_id = ? AND shard = 1", b.ca.ID).Error; err != nil {
		b.t.Fatal(err)
	}
	ahead, err := b.status.Compare(b.ctx, status.File{Name: "kept.crl", DER: kept.Raw})
	if err != nil || len(ahead) != 1 || ahead[0].Known != 0 {
		b.t.Fatalf("%+v, %v", ahead, err)
	}
	if err := b.status.Adopt(b.ctx, ahead[0]); err != nil {
		b.t.Fatal(err)
	}
	if all := b.fetch("crl.crl"); extensionOf(all, issuingPoint) != nil {
		b.t.Error("the list of a shard is served as the one of the CA")
	}
	b.awaitList("shard-1.crl", "the shard is served again", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 4 })
}

// TestShardsAndDeltaOverRenewal: what a certificate of the key before points to goes on being served, signed by that
// key, and the new key has shards and delta CRLs of its own before it issues anything.
func TestShardsAndDeltaOverRenewal(t *testing.T) {
	b := newStatusBench(t)
	b.status.Destinations = []status.Destination{status.Directory(t.TempDir())}
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Delta: true, Shards: 2, Complete: true}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "certificates may carry the shards' addresses", func() error {
		if b.reload().CRLShardLast != 2 {
			return errors.New("not yet")
		}
		return nil
	})
	first, before := b.ca, b.issue("old-key.example.com")
	if _, err := b.cas.Renew(b.ctx, b.ca.ID, ca.NewKey, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has a new key", func() error {
		if c := b.reload(); c.KeyGeneration != 2 || c.Renewal != "" {
			return fmt.Errorf("renewal %q %s", c.Renewal, c.RenewalFailure)
		}
		return nil
	})
	after := b.issue("new-key.example.com")
	if before.CRLShard == 0 || after.CRLShard == 0 || after.KeyGeneration != 2 {
		t.Fatalf("shards %d and %d, key %d", before.CRLShard, after.CRLShard, after.KeyGeneration)
	}
	get := func(address string, by *ca.CertificationAuthority) (*x509.RevocationList, error) {
		r, err := http.Get(address)
		if err != nil {
			return nil, err
		}
		defer r.Body.Close()
		der, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %s %w", address, r.Status, err)
		}
		issuer, err := x509.ParseCertificate(by.Certificate)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(list.AuthorityKeyId, issuer.SubjectKeyId) {
			return nil, fmt.Errorf("%s names the key %x", address, list.AuthorityKeyId)
		}
		return list, list.CheckSignatureFrom(issuer)
	}
	both := []struct {
		key  *ca.CertificationAuthority
		leaf *certificate.Certificate
	}{{first, before}, {b.ca, after}}
	for _, x := range both {
		parsed, err := x509.ParseCertificate(x.leaf.DER)
		if err != nil {
			t.Fatal(err)
		}
		address := parsed.CRLDistributionPoints[0]
		if address != b.cas.URLs.CRLShard(x.key, x.leaf.CRLShard, false) {
			t.Errorf("it carries %s", address)
		}
		if l, err := get(address, x.key); err != nil || !bytes.Contains(extensionOf(l, issuingPoint), []byte(address)) {
			t.Errorf("%v", err)
		}
	}
	for _, x := range both {
		if _, err := b.certificates.Revoke(b.ctx, x.leaf.ID, certificate.Superseded, nil); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(delta bool) {
		t.Helper()
		for _, x := range both {
			for _, shard := range []int64{0, x.leaf.CRLShard} {
				eventually(t, "its lists name it", func() error {
					l, err := get(b.cas.URLs.CRLShard(x.key, shard, delta), x.key)
					if err == nil && reasonOn(l, x.leaf.SerialNumber) != 4 {
						err = fmt.Errorf("key %d, shard %d: not listed", x.key.KeyGeneration, shard)
					}
					return err
				})
			}
		}
	}
	listed(true)
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	listed(false)
	latest, err := b.status.Latest(b.ctx, []string{b.ca.ID})
	if err != nil || latest[b.ca.ID].KeyGeneration != 2 {
		t.Errorf("%+v %v", latest[b.ca.ID], err)
	}
	directory := string(b.status.Destinations[0].(status.Directory))
	for _, x := range both {
		eventually(t, "lists of both keys are copied", func() error {
			der, err := os.ReadFile(filepath.Join(directory, b.ca.PartitionID, x.key.PublicName(), ca.CRLFile(x.leaf.CRLShard, false)))
			if err != nil {
				return err
			}
			l, err := x509.ParseRevocationList(der)
			if err == nil && reasonOn(l, x.leaf.SerialNumber) != 4 {
				err = errors.New("an older list")
			}
			return err
		})
	}
}

// newest are the numbers of the lists that are served, by key and name of the list.
func (b *statusBench) newest() map[string]int64 {
	b.t.Helper()
	var lists []*status.CRL
	if err := b.store.DB(b.ctx).Order("number").Find(&lists, "ca_id = ?", b.ca.ID).Error; err != nil {
		b.t.Fatal(err)
	}
	numbers := map[string]int64{}
	for _, l := range lists {
		numbers[fmt.Sprintf("%d/%s", l.KeyGeneration, ca.CRLFile(l.Shard, l.Delta()))] = l.Number
	}
	return numbers
}

// settled waits until no publication of the CA is due.
func (b *statusBench) settled() {
	b.t.Helper()
	eventually(b.t, "nothing is due", func() error {
		var due int64
		if err := b.store.DB(b.ctx).Table("jobs").Where(
			"kind = 'crl.publish' AND job_key = ? AND run_at <= ?", b.ca.ID, b.now(),
		).Count(&due).Error; err != nil || due > 0 {
			return fmt.Errorf("%d are due, %v", due, err)
		}
		return nil
	})
}

// changed tells which lists are newer than they were.
func (b *statusBench) changed(before map[string]int64) (names []string) {
	for name, number := range b.newest() {
		if number != before[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestOnlyWhatChangedIsSigned: a revocation makes the list of its shard and that of the CA, the others stay; a day after
// each was made it is made anew; and what a relying party reads names everything all the while.
func TestOnlyWhatChangedIsSigned(t *testing.T) {
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta=%v", delta), func(t *testing.T) {
			b := newStatusBench(t)
			t.Cleanup(func() { ahead.Store(0) })
			if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Delta: delta, Shards: 8, Complete: true}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "certificates carry the addresses of shards", func() error {
				if b.reload().CRLShardLast != 8 {
					return errors.New("not yet")
				}
				return nil
			})
			b.settled()
			// Whatever is forgotten by leaving a list alone would show here.
			revoked := map[string]int64{}
			everything := func(what string) {
				t.Helper()
				for serial, shard := range revoked {
					for _, s := range []int64{0, shard} {
						listed := reasonOn(b.fetch(ca.CRLFile(s, false)), serial) == 4
						if delta {
							if d := b.fetch(ca.CRLFile(s, true)); d != nil {
								listed = listed || reasonOn(d, serial) == 4
							}
						}
						if !listed {
							t.Errorf("%s: %s is missing from shard %d", what, serial, s)
						}
					}
				}
			}
			revoke := func() int64 {
				t.Helper()
				c := b.issue("few.example.com")
				if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.Superseded, nil); err != nil {
					t.Fatal(err)
				}
				b.settled()
				revoked[c.SerialNumber] = c.CRLShard
				return c.CRLShard
			}
			for range 3 {
				before := b.newest()
				shard := revoke()
				if got, want := b.changed(before), []string{
					"1/" + ca.CRLFile(0, delta), "1/" + ca.CRLFile(shard, delta),
				}; !slices.Equal(got, want) {
					t.Errorf("signed were %v, not %v", got, want)
				}
				everything("after a revocation")
			}
			// Asked for, and nothing to say: nothing is signed.
			before := b.newest()
			if err := b.store.Tx(b.ctx, func(ctx context.Context) error {
				return b.jobs.Enqueue(ctx, certificate.PublishCRLJob, b.ca.ID, b.now(), nil)
			}); err != nil {
				t.Fatal(err)
			}
			b.settled()
			if got := b.changed(before); got != nil {
				t.Errorf("nothing changed, and signed were %v", got)
			}
			// A suspension that ended is a change too.
			held := b.issue("held.example.com")
			if _, err := b.certificates.Suspend(b.ctx, held.ID, nil); err != nil {
				t.Fatal(err)
			}
			b.settled()
			before = b.newest()
			if _, err := b.certificates.Unsuspend(b.ctx, held.ID); err != nil {
				t.Fatal(err)
			}
			b.settled()
			if got := b.changed(before); len(got) != 2 || reasonOn(b.fetch(ca.CRLFile(held.CRLShard, delta)), held.SerialNumber) == 6 {
				t.Errorf("the suspension ended, and signed were %v", got)
			}
			// The day after, each is signed anew, whoever changed meanwhile.
			ahead.Store(int64(12 * time.Hour))
			revoke()
			before = b.newest()
			ahead.Store(int64(24*time.Hour + time.Minute))
			b.settled()
			for shard := range int64(9) {
				l := b.fetch(ca.CRLFile(shard, false))
				if age := b.now().Sub(l.ThisUpdate); age > 24*time.Hour {
					t.Errorf("shard %d is %s old", shard, age)
				}
			}
			everything("a day later")
			// A person's wish makes all.
			before = b.newest()
			if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
				t.Fatal(err)
			}
			if got := b.changed(before); len(got) != len(before) {
				t.Errorf("by a person's wish only %v were signed", got)
			}
			// What is lost is still found by a publication that nobody asked for.
			for serial := range revoked {
				b.exec("UPDATE certificates SET status = 'ISSUED', revoked_at = NULL WHERE serial_number = ?", serial)
			}
			if err := b.store.Tx(b.ctx, func(ctx context.Context) error {
				return b.jobs.Enqueue(ctx, certificate.PublishCRLJob, b.ca.ID, b.now(), nil)
			}); err != nil {
				t.Fatal(err)
			}
			b.settled()
			if alarm := b.reload().CRLAlarm; !delta && !strings.Contains(alarm, "are missing though nobody released them") {
				t.Errorf("lost entries: alarm %q", alarm)
			}
			everything("after sabotage")
		})
	}
}

// TestAnAlarmIsNotForgotten: a list that was altered raises it, and it stays though nothing has to be signed.
func TestAnAlarmIsNotForgotten(t *testing.T) {
	b := newStatusBench(t)
	b.settled()
	b.exec("UPDATE crl_lists SET sha256 = ? WHERE ca_id = ?", make([]byte, 32), b.ca.ID)
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); !fault.Is(err, fault.Conflict) {
		t.Fatal(err)
	}
	t.Cleanup(func() { ahead.Store(0) })
	ahead.Store(int64(5 * time.Minute))
	if err := b.store.Tx(b.ctx, func(ctx context.Context) error {
		return b.jobs.Enqueue(ctx, certificate.PublishCRLJob, b.ca.ID, b.now(), nil)
	}); err != nil {
		t.Fatal(err)
	}
	b.settled()
	if !strings.Contains(b.reload().CRLAlarm, "is not as it was published") {
		t.Errorf("the alarm is %q", b.ca.CRLAlarm)
	}
}

// TestAnEarlierKeyIsAway: its lists alone wait, under an alarm that names it, and follow when the key store is back.
func TestAnEarlierKeyIsAway(t *testing.T) {
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta=%v", delta), func(t *testing.T) {
			b := newStatusBench(t)
			if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Delta: delta, Shards: 2, Complete: true}); err != nil {
				t.Fatal(err)
			}
			b.settled()
			first := b.reload()
			if _, err := b.cas.Renew(b.ctx, b.ca.ID, ca.NewKey, nil); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it has a new key", func() error {
				if c := b.reload(); c.KeyGeneration != 2 || c.Renewal != "" {
					return fmt.Errorf("renewal %q %s", c.Renewal, c.RenewalFailure)
				}
				return nil
			})
			b.settled()
			b.exec("UPDATE ca_generations SET key_store = 'unplugged' WHERE ca_id = ?", b.ca.ID)
			before := b.newest()
			c := b.issue("meanwhile.example.com")
			if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.Superseded, nil); err != nil {
				t.Fatal(err)
			}
			b.settled()
			for _, name := range b.changed(before) {
				if !strings.HasPrefix(name, "2/") {
					t.Errorf("%s was signed with a key that is away", name)
				}
			}
			for _, shard := range []int64{0, c.CRLShard} {
				name := ca.CRLFile(shard, delta)
				if b.newest()["2/"+name] == before["2/"+name] {
					t.Errorf("%s of the key in use waits too", name)
				}
			}
			alarm := b.reload().CRLAlarm
			if !strings.Contains(alarm, "key 1 of issuing-1, in the key store unplugged") || b.ca.CRLAlarmAt == nil {
				t.Errorf("the alarm is %q", alarm)
			}
			if n, err := b.status.Alarms(b.ctx); err != nil || n != 1 {
				t.Errorf("%d are held, %v", n, err)
			}
			if _, err := b.status.AcceptHeld(b.ctx, b.ca.ID, "never mind"); !fault.Is(err, fault.Conflict) {
				t.Errorf("that a key is away was accepted: %v", err)
			}
			if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
				t.Errorf("by a person's wish: %v", err)
			}
			got := b.ask(t, rbac.SystemActor(), `{ certificationAuthority(id: "`+b.ca.ID+`") { crl { alarm { acceptable } } } }`, nil)
			var events int64
			if err := b.store.DB(b.ctx).Table("audit_events").Where(
				"action = 'crl.hold' AND object_id = ?", b.ca.ID,
			).Count(&events).Error; err != nil || events != 1 || !strings.Contains(
				fmt.Sprint(got.Data), "acceptable:false",
			) {
				t.Errorf("%d audit events, %v, %v", events, err, got)
			}
			// A minute later the store is back.
			b.exec("UPDATE ca_generations SET key_store = ? WHERE ca_id = ?", first.KeyStore, b.ca.ID)
			t.Cleanup(func() { ahead.Store(0) })
			ahead.Store(int64(2 * time.Minute))
			b.settled()
			if b.reload().CRLAlarm != "" {
				t.Errorf("the alarm stays: %q", b.ca.CRLAlarm)
			}
			file := ca.CRLFile(0, delta)
			der, err := http.Get(b.cas.URLs.CRLShard(first, 0, delta))
			if err != nil {
				t.Fatal(err)
			}
			defer der.Body.Close()
			body, err := io.ReadAll(der.Body)
			if err != nil {
				t.Fatal(err)
			}
			list, err := x509.ParseRevocationList(body)
			if err != nil {
				t.Fatal(err)
			}
			// A delta CRL made with a newer base says less than the base does.
			if delta {
				if r, err := http.Get(b.cas.URLs.CRLShard(first, 0, false)); err == nil {
					defer r.Body.Close()
					if body, err = io.ReadAll(r.Body); err != nil {
						t.Fatal(err)
					}
					if list, err = x509.ParseRevocationList(body); err != nil {
						t.Fatal(err)
					}
				}
			}
			if reasonOn(list, c.SerialNumber) != 4 {
				t.Errorf("%s of the earlier key does not name what was revoked meanwhile", file)
			}
			// The key that it issues with is another matter.
			b.exec("UPDATE certification_authorities SET key_store = 'unplugged' WHERE id = ?", b.ca.ID)
			if _, err := b.status.PublishNow(b.ctx, b.ca.ID); !fault.Is(err, fault.Unavailable) {
				t.Errorf("without the key that it issues with: %v", err)
			}
			b.exec("UPDATE certification_authorities SET key_store = ? WHERE id = ?", first.KeyStore, b.ca.ID)
		})
	}
}

// TestListThatGrowsLarge sends new certificates to shards by itself, and to fresh ones when those are large too.
func TestListThatGrowsLarge(t *testing.T) {
	b := newStatusBench(t)
	revoke := func(n int) {
		for range n {
			if _, err := b.certificates.Revoke(b.ctx, b.issue("large.example.com").ID, certificate.Superseded, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	revoke(20)
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	lists, err := b.status.Lists(b.ctx, b.ca)
	if err != nil {
		t.Fatal(err)
	}
	b.status.CRLLimit = lists[0].Bytes // three quarters of it is more than an empty list
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new certificates go to shards", func() error {
		if c := b.issue("large.example.com"); c.CRLShard < 1 || c.CRLShard > 16 {
			return fmt.Errorf("it went to shard %d", c.CRLShard)
		}
		return nil
	})
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Shards: 2, AutomaticShards: true, Complete: true}); err != nil {
		t.Fatal(err)
	}
	revoke(50)
	eventually(t, "they go to fresh ones", func() error {
		if c := b.issue("larger.example.com"); c.CRLShard < 17 {
			return fmt.Errorf("it went to shard %d", c.CRLShard)
		}
		return nil
	})
	b.status.CRLLimit = 0
	if b.fetch("shard-1.crl") == nil {
		t.Error("a shard that is full is not served any more")
	}
	got := b.ask(
		t, rbac.SystemActor(), `{ certificationAuthority(id: "`+b.ca.ID+`") { crlSettings { mode shards } crlLists { shard open } } }`,
		nil,
	)
	if got.code() != "" || !strings.Contains(fmt.Sprint(got.Data), "SHARDED") {
		t.Error(got)
	}
}

// TestCRLOverHTTP: caches learn when to ask again, and are told when nothing changed.
func TestCRLOverHTTP(t *testing.T) {
	b := newStatusBench(t)
	get := func(file string, header ...string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.cas.URLs.CRLShard(b.ca, 0, false)+file, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		for n := 0; n < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // the headers are what counts
		return answer
	}
	first := get("")
	h := first.Header
	if first.StatusCode != 200 || h.Get("Content-Type") != "application/pkix-crl" || h.Get("Content-Encoding") != "" ||
		h.Get("ETag") == "" || h.Get("Last-Modified") == "" ||
		!strings.HasPrefix(h.Get("Cache-Control"), "public, no-transform, max-age=300, stale-if-error=60") {
		t.Errorf("%d %v", first.StatusCode, h)
	}
	// The demo's own revocations may still be on their way into a list.
	eventually(t, "not modified", func() error {
		h = get("").Header
		if r := get("", "If-None-Match", h.Get("ETag")); r.StatusCode != http.StatusNotModified {
			return fmt.Errorf("asked with the ETag: %d", r.StatusCode)
		}
		if r := get("", "If-Modified-Since", h.Get("Last-Modified")); r.StatusCode != http.StatusNotModified {
			return fmt.Errorf("asked with the date: %d", r.StatusCode)
		}
		return nil
	})
	if r := get("", "Range", "bytes=10-19"); r.StatusCode != http.StatusPartialContent || r.ContentLength != 10 {
		t.Errorf("a part: %d %d", r.StatusCode, r.ContentLength)
	}
	if _, err := b.status.PublishNow(b.ctx, b.ca.ID); err != nil {
		t.Fatal(err)
	}
	if r := get("", "If-None-Match", h.Get("ETag")); r.StatusCode != http.StatusOK {
		t.Errorf("asked with the ETag of the list before: %d", r.StatusCode)
	}
}

// TestOCSPOverHTTP: GET as RFC 5019 has it.
func TestOCSPOverHTTP(t *testing.T) {
	b := newStatusBench(t)
	c := b.issue("get.example.com")
	file := filepath.Join(t.TempDir(), "r")
	issuer := filepath.Join(t.TempDir(), "i")
	if err := os.WriteFile(issuer, []byte(ca.PEM(b.ca.Certificate)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(
		t.Context(), "openssl", "ocsp", "-issuer", issuer, "-serial", "0x"+c.SerialNumber, "-no_nonce", "-reqout", file,
	).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	request, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://x", nil)
		u := "/ocsp/" + b.ca.PartitionID + "/" + b.ca.Identifier + "/" + path
		if r.URL, err = r.URL.Parse(u); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
		w := httptest.NewRecorder()
		handlers, err := b.handlers()
		if err != nil {
			t.Fatal(err)
		}
		handlers["public"].ServeHTTP(w, r)
		return w
	}
	standard := base64.StdEncoding.EncodeToString(request)
	first := get(url.PathEscape(standard))
	h := first.Header()
	if first.Code != 200 || first.Body.Len() < 200 || h.Get("ETag") == "" || h.Get("Expires") == "" || h.Get("Last-Modified") == "" ||
		!strings.Contains(
			h.Get("Cache-Control"), "max-age=",
		) {
		t.Fatalf("%d %v", first.Code, h)
	}
	for what, path := range map[string]string{
		"not escaped": standard, "a slash in front": "/" + url.PathEscape(standard), "no padding": strings.TrimRight(standard, "="),
		"alphabet for URLs": strings.NewReplacer("+", "-", "/", "_").Replace(standard),
	} {
		if w := get(path); !bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) {
			t.Errorf("%s: %d, %d bytes", what, w.Code, w.Body.Len())
		}
	}
	if w := get(url.PathEscape(standard), "If-None-Match", h.Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("asked with the ETag: %d", w.Code)
	}
	if w := get("AAAA"); !bytes.Equal(w.Body.Bytes(), []byte{0x30, 3, 0x0a, 1, 1}) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("malformed: %x %v", w.Body, w.Header())
	}

	// Ten minutes later the answer was made anew without anybody waiting; an hour later nobody wanted it any more.
	t.Cleanup(func() { ahead.Store(0) })
	get(url.PathEscape(standard))
	ahead.Store(int64(11 * time.Minute))
	eventually(t, "the answer is made anew", func() error {
		if w := get(url.PathEscape(standard)); w.Header().Get("Last-Modified") == h.Get("Last-Modified") {
			return errors.New("still the old one")
		}
		return nil
	})

	// A revocation makes this answer anew, and leaves that about another certificate as it is.
	other := b.issue("other.example.com")
	if out, err := exec.CommandContext(
		t.Context(), "openssl", "ocsp", "-issuer", issuer, "-serial", "0x"+other.SerialNumber, "-no_nonce", "-reqout", file,
	).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if request, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	aboutOther := url.PathEscape(base64.StdEncoding.EncodeToString(request))
	kept, before := get(aboutOther).Header().Get("ETag"), get(url.PathEscape(standard)).Header().Get("ETag")
	if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the answer tells of the revocation", func() error {
		if get(url.PathEscape(standard)).Header().Get("ETag") == before {
			return errors.New("still the old one")
		}
		return nil
	})
	if get(aboutOther).Header().Get("ETag") != kept {
		t.Error("the answer about another certificate was signed anew")
	}
}

// opensslVerify is what openssl says of a certificate by the given lists.
func opensslVerify(t *testing.T, b *statusBench, c *certificate.Certificate, lists ...*x509.RevocationList) string {
	t.Helper()
	chain, err := b.cas.Chain(b.ctx, b.ca)
	if err != nil {
		t.Fatal(err)
	}
	var crls []byte
	for _, l := range lists {
		crls = append(crls, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.Raw})...)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"chain": ca.PEM(chain...), "crls": string(crls), "leaf": ca.PEM(c.DER)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It ends with an error when the certificate is revoked; what it says is what counts.
	out, _ := exec.CommandContext(
		t.Context(), "openssl", "verify", "-CAfile", filepath.Join(dir, "chain"), "-CRLfile", filepath.Join(dir, "crls"), "-crl_check",
		"-extended_crl", "-use_deltas", filepath.Join(dir, "leaf"),
	).CombinedOutput()
	return string(out)
}
