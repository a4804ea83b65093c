package rbac

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// guide is the role table of Entrust's PKIaaS guide, with additional rows from docs/users-and-roles.md. OW Owners, CA
// CA Administrators, CE Certificate Administrators, AU CA Auditors, PO Protocol Operators, PA Protocol Auditors.
var guide = map[Permission]string{
	SubscriptionBrowse: "OW", SubscriptionAssign: "OW", UserBrowse: "OW", UserInvite: "OW", RoleManage: "OW",
	PartitionBrowse: "OW CA CE AU PO PA",
	CABrowse:        "OW CA CE AU PO PA",
	CACreate:        "OW CA", CASelectProfiles: "OW CA", CADelete: "OW CA", CAPublishCRL: "OW CA",
	CADownload:        "OW CA CE",
	ProfileBrowse:     "OW CA CE AU PO PA",
	ProfileManage:     "OW CA",
	CertificateBrowse: "OW CA CE AU PO PA", CertificateDownload: "OW CA CE AU PO PA",
	CertificateIssue: "OW CE", CertificateIssuePKCS12: "OW CE", CertificateVouch: "OW CE", CertificateChangeStatus: "OW CE",
	EndEntityBrowse: "OW CA CE AU PO PA", EndEntityManage: "OW CA",
	TokenBrowse: "OW CA", TokenManage: "OW CA",
	AuditBrowse:        "OW CA CE AU PO PA",
	NotificationBrowse: "OW CA CE AU", NotificationManage: "OW CA",
	ProtocolBrowse: "OW CA CE AU PO PA", ProtocolManage: "OW CA PO",
	ApprovalBrowse: "OW CA CE AU", ApprovalManage: "OW",
	SubscriptionCreate: "", SubscriptionUpdate: "", OutboxBrowse: "", JobBrowse: "", AccountBrowse: "", AccountManage: "",
}

// protocolMay lists the permissions of enrollment protocols: they can issue and revoke, and nothing else.
var protocolMay = map[Permission]bool{CertificateBrowse: true, CertificateIssue: true, CertificateChangeStatus: true}

var operatorMay = map[Permission]bool{
	SubscriptionBrowse: true,
	SubscriptionCreate: true,
	SubscriptionUpdate: true,
	OutboxBrowse:       true,
	JobBrowse:          true,
	AccountBrowse:      true,
	AccountManage:      true,
	AuditBrowse:        true,
}

var letters = map[Role]string{
	Owners:                    "OW",
	CAAdministrators:          "CA",
	CertificateAdministrators: "CE",
	CAAuditors:                "AU",
	ProtocolOperators:         "PO",
	ProtocolAuditors:          "PA",
}

// differences compares a policy with the table, every permission × every role × partition and platform.
func differences(t *testing.T, policy string) []string {
	t.Helper()
	g, err := newGuard(policy)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, p := range Permissions() {
		row, ok := guide[p]
		if !ok {
			found = append(found, fmt.Sprintf("%s is not in the table", p))
		}
		for _, r := range Roles() {
			if got, want := g.Allows(r, "sub0123456789", p), strings.Contains(row, letters[r]); got != want {
				found = append(found, fmt.Sprintf("%s %s: %v, the table says %v", r, p, got, want))
			}
		}
		if got := g.Allows(Protocol, "sub0123456789", p); got != protocolMay[p] {
			found = append(found, fmt.Sprintf("a protocol %s: %v", p, got))
		}
		if got := g.Allows(Operator, Platform, p); got != operatorMay[p] {
			found = append(found, fmt.Sprintf("operator %s: %v", p, got))
		}
		if g.Allows(Operator, "sub0123456789", p) {
			found = append(found, fmt.Sprintf("the operator must not have %s inside a partition", p))
		}
	}
	return found
}

func TestPolicyIsTheGuidesTable(t *testing.T) {
	for _, d := range differences(t, policyText) {
		t.Error(d)
	}
}

// Every line is necessary: without it, the table above would differ.
func TestEveryPolicyLineMatters(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(withoutComments(policyText)), "\n")
	for n := range lines {
		without := append(append([]string{}, lines[:n]...), lines[n+1:]...)
		if len(differences(t, strings.Join(without, "\n"))) == 0 {
			t.Errorf("nothing changes without %q", lines[n])
		}
	}
}

func TestNobodyIsGrantedWhatProtocolsMay(t *testing.T) {
	if Protocol.Valid() {
		t.Error("the role of protocols can be granted")
	}
}

func TestRequire(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	actor := &Actor{Kind: UserActor, Grants: map[string][]Role{"subown": {CAAuditors}}}
	ctx := WithActor(context.Background(), actor)
	for _, c := range []struct {
		ctx    context.Context
		domain string
		p      Permission
		want   fault.Kind
	}{
		{context.Background(), "subown", CABrowse, fault.Unauthenticated},
		{ctx, "subown", CABrowse, ""},
		{ctx, "subown", CADownload, fault.Forbidden}, // an auditor may download certificates, not CA certificates
		{ctx, "subforeign", CABrowse, fault.NotFound},
		{ctx, Platform, SubscriptionCreate, fault.NotFound},
	} {
		err := g.Require(c.ctx, c.p, c.domain)
		if c.want == "" && err != nil || c.want != "" && !fault.Is(err, c.want) {
			t.Errorf("%s in %s: %v, want %s", c.p, c.domain, err, c.want)
		}
	}
}

// A scope bounds whoever has it: what is asked of the partition as a whole, or of what is not in the scope, is refused.
func TestScope(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	credential := &Actor{
		Kind:  CredentialActor,
		Scope: Scope{Partition: "sub1", Authorities: map[string][]Role{"audited": {CAAuditors}, "run": {CertificateAdministrators}}},
	}
	configuration := func(shared bool) *Actor {
		return &Actor{
			Kind:   ProtocolActor,
			Grants: map[string][]Role{"sub1": {Protocol}, "sub2": {Protocol}},
			Scope: Scope{Partition: "sub1", Configuration: "c1", SharedEndEntities: shared,
				Offerings: []Offering{{ID: "o1", CA: "ca1", Profile: "web"}, {ID: "o2", CA: "ca2", Profile: "vpn"}}},
		}
	}
	protocol, sharing := configuration(false), configuration(true)
	owner := &Actor{Kind: UserActor, Grants: map[string][]Role{"sub1": {Owners}}}
	// Roles on a CA narrow whoever has them.
	narrowed := &Actor{
		Kind:   UserActor,
		Grants: map[string][]Role{"sub1": {Owners}},
		Scope:  Scope{Partition: "sub1", Authorities: map[string][]Role{"run": {CAAuditors}}},
	}
	for n, c := range []struct {
		actor *Actor
		p     Permission
		on    On
		want  fault.Kind // "" = permitted
	}{
		{credential, CertificateBrowse, On{Partition: "sub1", CA: "audited"}, ""},
		{credential, CertificateIssue, On{Partition: "sub1", CA: "audited"}, fault.Forbidden},
		{credential, CertificateIssue, On{Partition: "sub1", CA: "run", Profile: "web"}, ""},
		{credential, CertificateChangeStatus, On{Partition: "sub1", CA: "run", Configuration: "c1"}, ""},
		{credential, CACreate, On{Partition: "sub1", CA: "run"}, fault.Forbidden},
		{credential, CertificateBrowse, On{Partition: "sub1", CA: "other"}, fault.NotFound},
		{credential, CertificateBrowse, On{Partition: "sub2", CA: "run"}, fault.NotFound},
		{credential, CertificateBrowse, On{Partition: "sub1"}, fault.NotFound},
		{owner, CertificateIssue, On{Partition: "sub1", CA: "run"}, ""},
		{narrowed, CertificateBrowse, On{Partition: "sub1", CA: "run"}, ""},
		{narrowed, CertificateIssue, On{Partition: "sub1", CA: "run"}, fault.Forbidden},
		{narrowed, CertificateBrowse, On{Partition: "sub1", CA: "other"}, fault.NotFound},
		{protocol, CertificateIssue, On{Partition: "sub1", CA: "ca1", Profile: "web"}, ""},
		{protocol, CertificateIssue, On{Partition: "sub1", CA: "ca2", Profile: "vpn"}, ""},
		{protocol, CertificateIssue, On{Partition: "sub1", CA: "ca1", Profile: "vpn"}, fault.NotFound}, // a pair is a pair
		{protocol, CertificateIssue, On{Partition: "sub1", CA: "ca1"}, fault.NotFound},
		{protocol, CertificateIssue, On{Partition: "sub2", CA: "ca1", Profile: "web"}, fault.NotFound},
		{protocol, CertificateIssue, On{Partition: "sub1", CA: "ca1", Profile: "web", Configuration: "c2"}, fault.NotFound},
		{protocol, CertificateIssuePKCS12, On{Partition: "sub1", CA: "ca1", Profile: "web"}, fault.Forbidden},
		{protocol, CertificateChangeStatus, On{Partition: "sub1", CA: "old", Configuration: "c1"}, ""}, // of an offering that is gone
		{protocol, CertificateChangeStatus, On{Partition: "sub1", CA: "ca1", Configuration: "c2"}, fault.NotFound},
		{protocol, CertificateChangeStatus, On{Partition: "sub1", CA: "ca1"}, fault.NotFound},
		{protocol, CertificateIssue, On{Partition: "sub1", EndEntityOf: []string{"c2", "c1"}}, ""},
		{protocol, CertificateIssue, On{Partition: "sub1", EndEntityOf: []string{}}, ""},
		{protocol, CertificateIssue, On{Partition: "sub1", EndEntityOf: []string{"c2"}}, fault.NotFound},
		{protocol, CertificateIssue, On{Partition: "sub2", EndEntityOf: []string{"c1"}}, fault.NotFound},
		{sharing, CertificateIssue, On{Partition: "sub1", EndEntityOf: []string{"c2"}}, ""},
	} {
		ctx := WithActor(context.Background(), c.actor)
		err := g.RequireOn(ctx, c.p, c.on)
		if kindOf(err) != c.want {
			t.Errorf("%d: %s on %+v: %v, want %s", n, c.p, c.on, err, c.want)
		}
		if g.May(ctx, c.p, c.on) != (err == nil) {
			t.Errorf("%d: May and RequireOn differ", n)
		}
		if c.actor.Scope.Narrow() {
			if err := g.Require(ctx, c.p, "sub1"); kindOf(err) != fault.NotFound || g.Has(c.actor, c.p, "sub1") {
				t.Errorf("%d: %s asked of the partition: %v", n, c.p, err)
			}
		}
	}
	for id, want := range map[string]int{"o2": 1, "o3": 0} {
		if n := len(protocol.By(id).Scope.Offerings); n != want || len(protocol.Scope.Offerings) != 2 {
			t.Errorf("by %s: %d offerings", id, n)
		}
	}
}

func kindOf(err error) fault.Kind {
	if err == nil {
		return ""
	}
	return fault.Of(err).Kind
}

// Granting a role requires all of its permissions.
func TestCovers(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		has, of Role
		want    bool
	}{
		{Owners, CertificateAdministrators, true}, {CAAdministrators, CAAuditors, true},
		{CAAdministrators, CertificateAdministrators, false}, {CAAuditors, CAAuditors, true}, {CAAuditors, Owners, false},
	} {
		a := &Actor{Kind: UserActor, Grants: map[string][]Role{"sub1": {c.has}}}
		if g.Covers(a, c.of, "sub1") != c.want || g.Covers(a, c.of, "sub2") {
			t.Errorf("%s over %s", c.has, c.of)
		}
	}
	if !g.Covers(SystemActor(), Owners, "sub1") || g.Covers(nil, CAAuditors, "sub1") {
		t.Error("the system, or nobody")
	}
}
