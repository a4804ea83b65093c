package server

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/rbac"
)

func request(t *testing.T, host string) (string, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(
		rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}}, key,
	)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), spki
}

// TestBulk prepares, counts and carries out: issuance from CSV and ZIP, revocation by file and by key; and an operation
// whose owner loses the right stops and goes on with somebody else's.
func TestBulk(t *testing.T) {
	a, m := inProcess(t)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	issuing, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.tenants.Update(ctx, m.Subscription.ID, new(100000), nil, new(tenant.Unlimited), false); err != nil {
		t.Fatal(err)
	}
	const p = "privatessl-tls-client-server"
	ended := func(o *bulk.Operation) *bulk.Operation {
		t.Helper()
		eventually(t, "the operation ends", func() (err error) {
			if o, err = a.bulk.Get(ctx, o.ID); err == nil && o.State == bulk.Running {
				err = fmt.Errorf("%d are pending", o.Pending())
			}
			return err
		})
		return o
	}
	results := func(o *bulk.Operation) (list []*bulk.Line) {
		t.Helper()
		if err := a.bulk.Results(
			ctx, o.ID, func(_ *bulk.Operation, l *bulk.Line) error { list = append(list, l); return nil },
		); err != nil {
			t.Fatal(err)
		}
		return list
	}
	one, key := request(t, "one.example.com")
	two, _ := request(t, "two.example.com")

	csv := "csr,subject,subject_alternative_names,profile\n" +
		`"` + one + `",,,` + "\n" +
		`"` + two + `","CN=Two Limited","DNS:two.example.org;two.example.net",` + "\n" +
		`"` + strings.Replace(two, "MI", "MJ", 1) + `",,,` + "\n" +
		`"` + two + `",,,no-such-profile` + "\n"
	draft, err := a.bulk.PrepareIssuance(ctx, bulk.IssuanceInput{PartitionID: m.Partition.ID, CAID: issuing.ID, ProfileID: p, CSV: csv})
	if err != nil {
		t.Fatal(err)
	}
	if draft.Total != 4 || draft.Failed != 2 || draft.Pending() != 2 || draft.State != bulk.Draft {
		t.Fatalf("the dry run: %+v %+v", draft, results(draft)[1])
	}
	if lines := results(draft); lines[0].SerialNumber != "" || lines[3].Result != bulk.Refused {
		t.Errorf("before the start: %+v %+v", lines[0], lines[3])
	}
	if _, err := a.bulk.Start(ctx, draft.ID); err != nil {
		t.Fatal(err)
	}
	done := ended(draft)
	lines := results(done)
	if done.State != bulk.Done || done.Done != 2 || lines[1].Subject != "CN=Two Limited" {
		t.Fatalf("issued: %+v, %+v", done, lines[1])
	}
	parsed, err := x509.ParseCertificate(lines[1].DER)
	if err != nil || !strings.Contains(strings.Join(parsed.DNSNames, " "), "two.example.net") {
		t.Errorf("the second: %v %v", parsed.DNSNames, err)
	}

	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for n := range 150 {
		csr, _ := request(t, fmt.Sprintf("zip-%d.example.com", n))
		f, _ := w.Create(fmt.Sprintf("requests/%03d.csr", n))
		_, _ = f.Write([]byte(csr))
	}
	_ = w.Close()
	zipped, err := a.bulk.PrepareIssuance(
		ctx, bulk.IssuanceInput{PartitionID: m.Partition.ID, CAID: issuing.ID, ProfileID: p, ZIP: archive.Bytes()},
	)
	if err != nil || zipped.Pending() != 150 {
		t.Fatalf("%+v %v", zipped, err)
	}
	if _, err := a.bulk.Start(ctx, zipped.ID); err != nil {
		t.Fatal(err)
	}
	if zipped = ended(zipped); zipped.Done != 150 {
		t.Errorf("from the archive: %+v", zipped)
	}
	var bomb bytes.Buffer
	w = zip.NewWriter(&bomb)
	f, _ := w.Create("bomb")
	_, _ = f.Write(make([]byte, 60<<10))
	_ = w.Close()
	if _, err := a.bulk.PrepareIssuance(
		ctx, bulk.IssuanceInput{PartitionID: m.Partition.ID, CAID: issuing.ID, ProfileID: p, ZIP: bomb.Bytes()},
	); !fault.Is(err, fault.Invalid) {
		t.Errorf("an archive that unpacks to much more than it is: %v", err)
	}

	// By file: as it comes out of other programs, with what is wrong in it.
	z := results(zipped)
	file := "Serial Number;Reason\n" + strings.ToUpper(z[0].SerialNumber) + ";KEY_COMPROMISE\n" + "0x" + z[1].SerialNumber +
		";keyCompromise\n" + z[2].SerialNumber + ";\n" + z[2].SerialNumber + ";\nABCDEF;\nnonsense;\n" + issuing.SerialNumber + ";\n"
	revoke, err := a.bulk.PrepareRevocation(
		ctx, bulk.RevocationInput{PartitionID: m.Partition.ID, Reason: certificate.Superseded, Serials: file},
	)
	if err != nil {
		t.Fatal(err)
	}
	found, err := a.bulk.Findings(ctx, revoke)
	if err != nil {
		t.Fatal(err)
	}
	got := map[bulk.Result]int{}
	for _, f := range found {
		got[f.Result] = f.Count
	}
	if got[bulk.WillRevoke] != 3 || got[bulk.Duplicate] != 1 || got[bulk.Unknown] != 1 || got[bulk.Invalid] != 1 ||
		got[bulk.NotSubscriber] != 1 {
		t.Fatalf("the dry run: %v", got)
	}
	// One is revoked by hand before the start: the operation finds it done.
	third := certificateBySerial(t, a, z[2].SerialNumber)
	if _, err := a.certificates.Revoke(ctx, third.ID, certificate.Unspecified, nil); err != nil {
		t.Fatal(err)
	}
	// Whoever starts it may do so no longer when the job comes to it.
	user := &rbac.Actor{
		Kind: rbac.UserActor, ID: "gone", Name: "gone@example.com", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}},
	}
	if _, err := a.bulk.Start(rbac.WithActor(ctx, user), revoke.ID); err != nil {
		t.Fatal(err)
	}
	if stopped := ended(revoke); stopped.State != bulk.Failed || stopped.Done != 0 || stopped.Pending() != 3 {
		t.Fatalf("without the right: %+v", stopped)
	}
	if _, err := a.bulk.Start(ctx, revoke.ID); err != nil {
		t.Fatal(err)
	}
	if revoke = ended(revoke); revoke.State != bulk.Done || revoke.Done != 2 || revoke.Skipped != 2 || revoke.Failed != 3 {
		t.Fatalf("revoked: %+v", revoke)
	}
	if c := certificateBySerial(t, a, z[0].SerialNumber); c.Status != certificate.Revoked ||
		c.RevocationReason != certificate.KeyCompromise {
		t.Errorf("%+v", c)
	}

	hash := sha256.Sum256(key)
	byKey, err := a.bulk.PrepareRevocation(
		ctx,
		bulk.RevocationInput{
			PartitionID: m.Partition.ID, Reason: certificate.KeyCompromise,
			Keys: []string{hex.EncodeToString(hash[:]), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key}))},
		},
	)
	if err != nil || byKey.Total != 1 || byKey.Pending() != 1 {
		t.Fatalf("by key: %+v %v", byKey, err)
	}
	if cancelled, err := a.bulk.Cancel(ctx, byKey.ID); err != nil || cancelled.State != bulk.Cancelled {
		t.Fatalf("%+v %v", cancelled, err)
	}
	if _, err := a.bulk.Start(ctx, byKey.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("a cancelled operation was started: %v", err)
	}

	// What an old release recorded is found by its key too, once it has been read.
	if err := a.store.DB(ctx).Exec(
		"UPDATE certificates SET key_type = '', public_key_sha256 = '' WHERE id = ?", third.ID,
	).Error; err != nil {
		t.Fatal(err)
	}
	if err := a.store.DB(ctx).Exec("UPDATE jobs SET run_at = ? WHERE kind = ?", a.now(), certificate.DescribeJob).Error; err != nil {
		t.Fatal(err)
	}
	eventually(t, "old rows are described", func() error {
		if c := certificateBySerial(t, a, z[2].SerialNumber); c.PublicKeySHA256 != third.PublicKeySHA256 || c.KeyType != "ECDSA P-256" {
			return fmt.Errorf("%q %q", c.KeyType, c.PublicKeySHA256)
		}
		return nil
	})

	// The purchased number is used up in the middle: it stops, and goes on when there is more.
	if _, err := a.tenants.Update(ctx, m.Subscription.ID, new(0), nil, nil, false); err != nil {
		t.Fatal(err)
	}
	short, err := a.bulk.PrepareIssuance(
		ctx, bulk.IssuanceInput{PartitionID: m.Partition.ID, CAID: issuing.ID, ProfileID: p, CSV: base64Line(one)},
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.bulk.Start(ctx, short.ID); err != nil {
		t.Fatal(err)
	}
	if short = ended(short); short.State != bulk.Failed || short.Pending() != 1 || !strings.Contains(short.Failure, "used up") {
		t.Errorf("without quota: %+v", short)
	}
	if _, err := a.tenants.Update(ctx, m.Subscription.ID, new(100000), nil, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.bulk.Start(ctx, short.ID); err != nil {
		t.Fatal(err)
	}
	if short = ended(short); short.State != bulk.Done || short.Done != 1 {
		t.Errorf("with quota again: %+v", short)
	}

	// What is signed but not settled was never issued.
	before := countCertificates(t, a)
	boom := errors.New("the power went")
	err = a.enrollment.IssueMany(
		ctx, "bulk", []enrollment.Request{intake.Text{CAID: issuing.ID, ProfileID: p, CSR: one}.Request()},
		func(context.Context, []enrollment.Outcome) error { return boom },
	)
	if !errors.Is(err, boom) || countCertificates(t, a) != before {
		t.Errorf("%v, %d certificates more", err, countCertificates(t, a)-before)
	}
	if v, err := a.audit.Verify(ctx, m.Partition.ID); err != nil || v.BrokenAt != 0 {
		t.Errorf("the audit chain: %+v %v", v, err)
	}
}

func base64Line(text string) string {
	block, _ := pem.Decode([]byte(text))
	return "csr\n" + base64.StdEncoding.EncodeToString(block.Bytes) + "\n"
}

func certificateBySerial(t *testing.T, a *App, serial string) *certificate.Certificate {
	t.Helper()
	c := &certificate.Certificate{}
	if err := a.store.DB(t.Context()).Take(c, "serial_number = ?", serial).Error; err != nil {
		t.Fatal(err)
	}
	return c
}

func countCertificates(t *testing.T, a *App) (n int64) {
	t.Helper()
	if err := a.store.DB(t.Context()).Model(&certificate.Certificate{}).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}
