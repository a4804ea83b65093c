package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// person is somebody with a role in the demo's partition.
func person(m *Manifest, id string, role rbac.Role) context.Context {
	return rbac.WithActor(
		context.Background(),
		&rbac.Actor{
			Kind: rbac.UserActor, ID: id, Name: id + "@example.com", IPAddress: "192.0.2.7",
			Grants: map[string][]rbac.Role{m.Partition.ID: {role}},
		},
	)
}

func TestARootNeedsTwoPeople(t *testing.T) {
	t.Setenv("PKIAAS_TEST_KEYSTORE", "") // a key is moved, which those of an HSM cannot be
	a, m := inProcess(t)
	a.cas.TwoPersonRoots = true
	alice, bob, carol := colleague(t, a, m, "alice", rbac.Owners), colleague(t, a, m, "bob", rbac.CAAdministrators),
		colleague(t, a, m, "carol", rbac.CAAuditors)
	asked := func(err error) string {
		t.Helper()
		if !fault.Is(err, fault.ApprovalNeeded) {
			t.Fatalf("one person was enough: %v", err)
		}
		return fault.Of(err).ApprovalID
	}
	script := rbac.WithActor(
		context.Background(),
		&rbac.Actor{Kind: rbac.TokenActor, ID: "t", Name: "script", Grants: map[string][]rbac.Role{m.Partition.ID: {rbac.Owners}}},
	)
	request := ca.Request{
		PartitionID: m.Partition.ID, Type: ca.Root, Identifier: "two-people", FriendlyName: "Two <people>", SigningAlgorithm: "ML-DSA-44",
		Subject: "CN=Two People,O=<b>Example</b>", CRLEnabled: true,
	}
	if _, err := a.cas.Create(script, request); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("a token proposed a root: %v", err)
	}
	_, err := a.cas.Create(alice, request)
	id := asked(err)
	for who, try := range map[string]context.Context{"herself": alice, "a token": script, "an auditor": carol} {
		if _, err := a.approvals.Approve(try, id, ""); !fault.Is(err, fault.PolicyRefused) && !fault.Is(err, fault.Forbidden) {
			t.Errorf("approved by %s: %v", who, err)
		}
	}
	if _, err := a.cas.ByIdentifier(alice, m.Partition.ID, "two-people"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("it is there before the second person: %v", err)
	}
	if _, err := a.approvals.Approve(bob, id, "seen on paper"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.approvals.Approve(bob, id, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("approved twice: %v", err)
	}
	var c *ca.CertificationAuthority
	eventually(t, "the root is made", func() error {
		if c, err = a.cas.ByIdentifier(alice, m.Partition.ID, "two-people"); err != nil {
			return err
		}
		if c.Status != ca.Active {
			return errors.New(string(c.Status) + " " + c.CreationFailure)
		}
		return nil
	})

	// Its key is moved, by two people again.
	dir := t.TempDir()
	second, err := keystore.OpenStore("file:"+dir, keystore.Options{KEK: a.kek})
	if err != nil {
		t.Fatal(err)
	}
	stores := append(a.keys[:len(a.keys):len(a.keys)], &keystore.Named{Name: "second", Store: second})
	a.keys, a.cas.Keys, a.enrollment.Keys, a.authorities.Keys = stores, stores, stores, stores
	a.delegates.Keys, a.status.Keys, a.ceremony.Keys = stores, stores, stores
	first, keyID := c.KeyStore, c.KeyID
	_, err = a.cas.MoveKey(bob, c.ID, "second")
	id = asked(err)
	if _, err := a.approvals.Approve(bob, id, ""); !fault.Is(err, fault.PolicyRefused) {
		t.Errorf("moved by one: %v", err)
	}
	if _, err := a.approvals.Approve(alice, id, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is moved and the old copy destroyed", func() error {
		if c, err = a.cas.Get(alice, c.ID); err != nil {
			return err
		}
		if c.KeyStore != "second" {
			return errors.New("it is in " + c.KeyStore)
		}
		if _, err := a.keys.Open(t.Context(), first, keyID); !errors.Is(err, keystore.ErrNotFound) {
			return errors.New("the old copy is still there")
		}
		return nil
	})
	if _, err := a.status.PublishNow(alice, c.ID); err != nil {
		t.Errorf("it does not sign from its new place: %v", err)
	}

	minutes, err := a.ceremony.Minutes(alice, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"alice@example.com", "bob@example.com", "192.0.2.7", "requested approval to create the root two-people",
		"approved to create the root two-people", "seen on paper", "approved to move the key of the root two-people",
		"generated the signing key", "moved the key of two-people", "SHA-256 of the certificate", "Two &lt;people&gt;",
	} {
		if !strings.Contains(minutes.HTML, want) {
			t.Errorf("the minutes do not say %q", want)
		}
	}
	if strings.Contains(minutes.HTML, "<b>Example") {
		t.Error("a name became markup")
	}
	verify := func(html string) error {
		dir := t.TempDir()
		signature, err := base64.StdEncoding.DecodeString(minutes.Signature)
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"m.html": []byte(html), "m.p7s": signature} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.CommandContext(
			t.Context(), "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "m.p7s"), "-content",
			filepath.Join(dir, "m.html"),
			"-CAfile", a.ca.rootFile, "-purpose", "any", "-out", os.DevNull).CombinedOutput()
		if err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	if err := verify(minutes.HTML); err != nil {
		t.Errorf("OpenSSL refuses the server's signature: %v", err)
	}
	if verify(strings.Replace(minutes.HTML, "alice", "mallo", 1)) == nil {
		t.Error("altered minutes verify")
	}

	request.Identifier, request.Subject = "rejected", "CN=Rejected"
	_, err = a.cas.Create(alice, request)
	id = asked(err)
	if _, err := a.approvals.Reject(bob, id, "wrong name"); err != nil {
		t.Error(err)
	}
	if _, err := a.cas.ByIdentifier(alice, m.Partition.ID, "rejected"); !fault.Is(err, fault.NotFound) {
		t.Errorf("made after it was rejected: %v", err)
	}
}

func TestCompatibleSigners(t *testing.T) {
	a, m := inProcess(t)
	a.delegates.Kinds = []*delegate.Kind{delegate.OCSPSigners(true)}
	owner := person(m, "owner", rbac.Owners)
	c, err := a.cas.Create(
		owner,
		ca.Request{
			PartitionID: m.Partition.ID, Type: ca.Root, Identifier: "compatible", FriendlyName: "x", SigningAlgorithm: "ML-DSA-44",
			Subject: "CN=x", OCSPEnabled: true,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is made", func() error {
		if c, err = a.cas.Get(owner, c.ID); err == nil && c.Status != ca.Active {
			err = errors.New(string(c.Status))
		}
		return err
	})
	key, err := a.keys.Open(t.Context(), signerOf(t, a, c).KeyStore, signerOf(t, a, c).KeyID)
	if err != nil {
		t.Fatal(err)
	}
	if key.Algorithm().Label != "RSA-2048+PKCS15-SHA256" {
		t.Errorf("the OCSP signer is %s", key.Algorithm().Label)
	}
}

// TestAMovedKeyTakesItsOCSPSignerAlong: the signer of the CA gets a key in the new store at once, OCSP answers go on, and a
// minute later nothing of either is left in the old one. Until the move is done the server tells that it is under way.
func TestAMovedKeyTakesItsOCSPSignerAlong(t *testing.T) {
	t.Setenv("PKIAAS_TEST_KEYSTORE", "") // a key is moved, which those of an HSM cannot be
	l := newLife(t)
	a := l.app
	second, err := keystore.OpenStore("file:"+t.TempDir(), keystore.Options{KEK: a.kek})
	if err != nil {
		t.Fatal(err)
	}
	stores := append(a.keys[:len(a.keys):len(a.keys)], &keystore.Named{Name: "second", Store: second})
	a.keys, a.cas.Keys, a.status.Keys, a.delegates.Keys = stores, stores, stores, stores // who moves does not see it yet
	leaf := l.issued("issuing-1", "moved.example.com")
	before := l.find("issuing-1")
	signer := signerOf(t, a, before)
	if _, err := a.cas.MoveKey(l.ctx, before.ID, "second"); err != nil {
		t.Fatal(err)
	}
	moving := func() any {
		got := a.ask(
			t, rbac.ActorFrom(l.ctx), `query($id: ID!) { certificationAuthority(id: $id) { keyMovingTo } }`,
			map[string]any{"id": before.ID},
		)
		if got.code() != "" {
			t.Fatal(got.Errors)
		}
		return got.Data["certificationAuthority"].(map[string]any)["keyMovingTo"]
	}
	eventually(t, "the job has tried", func() error {
		var failed int64
		if err := a.store.DB(l.ctx).Table("jobs").Where(
			"kind = ? AND last_error <> ''", ca.MoveKeyJob,
		).Count(&failed).Error; err != nil || failed == 0 {
			return fmt.Errorf("not yet: %v", err)
		}
		return nil
	})
	if to := moving(); to != "second" {
		t.Errorf("under way to %v", to)
	}
	a.enrollment.Keys, a.authorities.Keys = stores, stores
	ahead.Add(int64(time.Minute)) // the job waits a little before it tries again
	t.Cleanup(func() { ahead.Store(0) })
	c := l.until("issuing-1", "key and OCSP signer are moved", func(c *ca.CertificationAuthority) bool {
		return c.KeyStore == "second" && signerOf(t, a, c).KeyStore == "second"
	})
	if to := moving(); to != nil || signerOf(t, a, c).KeyID == signer.KeyID {
		t.Errorf("on its way to %v, OCSP key %s", to, signer.KeyID)
	}
	ahead.Add(int64(2 * time.Second)) // answers in memory are older now
	l.verify(leaf, false)
	ahead.Add(int64(2 * time.Minute))
	eventually(t, "the old keys are destroyed", func() error {
		for _, id := range []string{before.KeyID, signer.KeyID} {
			if _, err := a.keys.Open(t.Context(), before.KeyStore, id); !errors.Is(err, keystore.ErrNotFound) {
				return fmt.Errorf("key %s: %v", id, err)
			}
		}
		return nil
	})
	l.issued("issuing-1", "after.example.com")
	// A signer that is where it belongs is left alone.
	signer = signerOf(t, a, before)
	if err := a.store.Tx(l.ctx, func(ctx context.Context) error {
		return a.jobs.Enqueue(ctx, ca.DelegatesJob, before.ID, a.now(), nil)
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the signer is looked at", func() error {
		var due int64
		if err := a.store.DB(l.ctx).Table("jobs").Where(
			"kind = ? AND job_key = ? AND run_at <= ?", ca.DelegatesJob, before.ID, a.now(),
		).Count(&due).Error; err != nil || due > 0 {
			return fmt.Errorf("%d are due, %v", due, err)
		}
		return nil
	})
	if signerOf(t, a, before).KeyID != signer.KeyID {
		t.Error("the signer was made anew for nothing")
	}
}
