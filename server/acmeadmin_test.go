package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
)

func (e *acmeEstate) as(role rbac.Role) *rbac.Actor {
	return &rbac.Actor{
		Kind: rbac.UserActor, ID: "u-" + string(role), Name: strings.ToLower(string(role)) + "@example.com",
		Grants: map[string][]rbac.Role{e.m.Partition.ID: {role}},
	}
}

// done asks what must succeed, and returns the payload as JSON.
func (e *acmeEstate) done(t *testing.T, role rbac.Role, query string, into any) string {
	t.Helper()
	got := e.ask(t, e.as(role), query, nil)
	if got.code() != "" {
		t.Fatalf("%s: %+v", query, got.Errors)
	}
	text, err := json.Marshal(got.Data)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The secret of an external account key is given out once: no other answer, no event and no column of the database holds it.
func TestTheSecretOfAnACMEKeyIsShownOnce(t *testing.T) {
	e := newACME(t, "")
	var made struct {
		CreateAcmeKey struct {
			Key struct {
				ID, State          string
				AllowedIdentifiers []string
			}
			HmacKey string
		}
	}
	e.done(
		t, rbac.ProtocolOperators,
		`mutation { createAcmeKey(input: {configurationId:
			"`+e.c.ID+`", friendlyName: "shop", allowedIdentifiers: ["*.Shop.example.com"], maxAccounts: 1, expiresAt: "`+
			e.now().Add(24*time.Hour).Format(time.RFC3339)+`"}) { key { id state allowedIdentifiers } hmacKey } }`,
		&made,
	)
	key, secret := made.CreateAcmeKey.Key, made.CreateAcmeKey.HmacKey
	if len(secret) != 86 || key.State != "ACTIVE" || len(key.AllowedIdentifiers) != 1 || key.AllowedIdentifiers[0] != "*.shop.example.com" {
		t.Fatalf("%+v", made)
	}
	everything := e.done(
		t, rbac.Owners,
		`{ protocolConfiguration(id: "`+e.c.ID+`") { acme { directoryUrl externalKeys { nodes { id friendlyName state maxAccounts accountCount createdBy } } } } partition(id: "`+e.m.Partition.ID+`") { auditEvents(first: 50) { nodes { action summary details } } } }`,
		nil,
	)
	if !strings.Contains(everything, key.ID) || !strings.Contains(everything, "acme.key.create") || !strings.Contains(
		everything, acme.DirectoryURL(e.cfg.BaseURL, e.c),
	) {
		t.Errorf("the key is not to be seen: %s", everything)
	}
	if strings.Contains(everything, secret) {
		t.Error("the secret is shown again")
	}
	var row acme.ExternalKey
	if err := e.store.DB(e.ctx).Take(&row, "id = ?", key.ID).Error; err != nil || len(row.Secret) == 0 ||
		strings.Contains(string(row.Secret), secret) {
		t.Errorf("kept as %q, %v", row.Secret, err)
	}
	// It is told among the configuration's own events.
	events, err := e.audit.List(e.ctx, e.m.Partition.ID, audit.Filter{ConfigurationID: e.c.ID, Action: "acme."}, page.Request{First: 10})
	if err != nil || len(events.Nodes) != 1 || !strings.Contains(events.Nodes[0].Summary, "shop") ||
		events.Nodes[0].ObjectName != e.c.Identifier {
		t.Errorf("events %+v, %v", events, err)
	}

	again := e.ask(
		t, e.as(rbac.CAAdministrators),
		`mutation { createAcmeKey(input: {configurationId: "`+e.c.ID+`", friendlyName: "shop"}) { hmacKey } }`, nil,
	)
	if again.code() != "CONFLICT" || again.Errors[0].Extensions.Field != "friendlyName" {
		t.Errorf("the same name: %+v", again.Errors)
	}
	for input, field := range map[string]string{
		`friendlyName: "x"`:                                       "friendlyName",
		`friendlyName: "open", needsNoChallenge: true`:            "allowedIdentifiers",
		`friendlyName: "past", expiresAt: "2020-01-01T00:00:00Z"`: "expiresAt",
		`friendlyName: "odd", allowedIdentifiers: ["a b"]`:        "allowedIdentifiers",
		`friendlyName: "few", maxAccounts: -1`:                    "maxAccounts",
	} {
		got := e.ask(t, e.as(rbac.Owners), `mutation { createAcmeKey(input: {configurationId: "`+e.c.ID+`", `+input+`}) { hmacKey } }`, nil)
		if got.code() != "INVALID" || !strings.HasPrefix(got.Errors[0].Extensions.Field, field) {
			t.Errorf("%s: %+v", input, got.Errors)
		}
	}
	for _, role := range []rbac.Role{rbac.CertificateAdministrators, rbac.CAAuditors, rbac.ProtocolAuditors} {
		if got := e.ask(
			t, e.as(role), `mutation { revokeAcmeKey(input: {id: "`+key.ID+`"}) { key { id } } }`, nil,
		); got.code() != "FORBIDDEN" {
			t.Errorf("%s revokes: %+v", role, got.Errors)
		}
	}
	if text := e.done(
		t, rbac.ProtocolOperators, `mutation { revokeAcmeKey(input: {id: "`+key.ID+`"}) { key { state } } }`, nil,
	); !strings.Contains(text, "REVOKED") {
		t.Error(text)
	}
	if got := e.ask(
		t, e.as(rbac.Owners), `mutation { revokeAcmeKey(input: {id: "`+key.ID+`"}) { key { id } } }`, nil,
	); got.code() != "CONFLICT" {
		t.Errorf("revoked twice: %+v", got.Errors)
	}
}

// What clients did is to be seen: their accounts, and why an order came to nothing in the words that its client was told.
func TestAdministratorsSeeAccountsAndOrders(t *testing.T) {
	e := newACME(t, "")
	c, _ := e.client(t, acme.NewKey{FriendlyName: "closed", Allowed: []string{"*.example.com"}, Preauthorized: true})
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs("a.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	csr, _ := newCSR(t, "a.example.com", "a.example.com")
	if _, _, err := c.CreateOrderCert(t.Context(), order.FinalizeURL, csr, true); err != nil {
		t.Fatal(err)
	}
	var seen struct {
		ProtocolConfiguration struct {
			Acme struct {
				Accounts struct {
					TotalCount int
					Nodes      []struct {
						Status  string
						Contact []string
						Key     struct{ FriendlyName string }
					}
				}
				Orders struct {
					Nodes []struct {
						Status      string
						Identifiers []struct{ Type, Value string }
						Account     struct{ Key struct{ FriendlyName string } }
						Certificate *struct{ SerialNumber string }
					}
				}
			}
		}
	}
	e.done(
		t, rbac.ProtocolAuditors,
		`{ protocolConfiguration(id: "`+e.c.ID+`") { acme { accounts { totalCount nodes { status contact key { friendlyName } } } orders { nodes { status error { type detail subproblems { type } } identifiers { type value } account { key { friendlyName } } certificate { serialNumber } } } } } }`,
		&seen,
	)
	a := seen.ProtocolConfiguration.Acme
	if a.Accounts.TotalCount != 1 || a.Accounts.Nodes[0].Status != "VALID" ||
		a.Accounts.Nodes[0].Contact[0] != "mailto:admin@example.com" || a.Accounts.Nodes[0].Key.FriendlyName != "closed" {
		t.Errorf("accounts %+v", a.Accounts)
	}
	if o := a.Orders.Nodes; len(o) != 1 || o[0].Status != "VALID" || o[0].Identifiers[0].Value != "a.example.com" ||
		o[0].Account.Key.FriendlyName != "closed" || o[0].Certificate == nil {
		t.Errorf("orders %+v", o)
	}
}

func TestACMESettingsAreChangedOneByOne(t *testing.T) {
	e := newACME(t, "")
	change := func(input string) answer {
		return e.ask(
			t, e.as(rbac.ProtocolOperators),
			`mutation { updateAcmeSettings(input: {configurationId:
				"`+e.c.ID+`", `+input+`}) { protocolConfiguration { acme { settings { challenges orderHours ordersPerHour attestation { format roots } } } } } }`,
			nil,
		)
	}
	for _, input := range []string{`orderHours: 24`, `challenges: ["dns-01", "device-attest-01"], attestation: [{format: "apple"}]`} {
		if got := change(input); got.code() != "" {
			t.Fatal(got.Errors)
		}
	}
	text := e.done(
		t, rbac.CAAuditors,
		`{ protocolConfiguration(id: "`+e.c.ID+`") { acme { settings { challenges orderHours ordersPerHour attestation { format } } } } }`,
		nil,
	)
	for _, part := range []string{`"orderHours":24`, `"ordersPerHour":300`, `["dns-01","device-attest-01"]`, `"format":"apple"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing: %s", part, text)
		}
	}
	for input, want := range map[string]string{
		`orderHours: 24`: "CONFLICT", `orderHours: 10000`: "INVALID", `challenges: ["smoke-01"]`: "INVALID", `attestation: []`: "INVALID",
		`attestation: [{format: "apple", roots: "junk"}]`: "INVALID",
	} {
		if got := change(input); got.code() != want {
			t.Errorf("%s: %q, want %q: %+v", input, got.code(), want, got.Errors)
		}
	}
}

// A campaign is counted before it is made, gives each certificate its time, and is followed to its end.
func TestARenewalCampaignIsFollowed(t *testing.T) {
	e := newACME(t, "")
	c, _ := e.client(t, acme.NewKey{FriendlyName: "closed", Allowed: []string{"*.example.com"}, Preauthorized: true})
	get := func(name string) {
		t.Helper()
		order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(name))
		if err != nil {
			t.Fatal(err)
		}
		csr, _ := newCSR(t, name, name)
		if _, _, err := c.CreateOrderCert(t.Context(), order.FinalizeURL, csr, true); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"a.example.com", "b.example.com", "c.example.com"}
	for _, name := range names {
		get(name)
	}
	text := e.done(
		t, rbac.ProtocolAuditors,
		`{ partition(id: "`+e.m.Partition.ID+`") { all: countRenewalSelection(selection: {configurationId: "`+e.c.ID+
			`"}) none: countRenewalSelection(selection: {keyType: "RSA 1024"}) } }`,
		nil,
	)
	if !strings.Contains(text, `"all":3`) || !strings.Contains(text, `"none":0`) {
		t.Fatal(text)
	}
	selection := `{configurationId: "` + e.c.ID + `"}`
	var made struct {
		CreateRenewalCampaign struct{ Campaign struct{ ID string } }
	}
	begin, end := e.now().Add(-time.Minute), e.now().Add(2*time.Hour)
	create := func(name string, revoke time.Time) string {
		return `mutation { createRenewalCampaign(input: {partitionId:
			"` + e.m.Partition.ID + `", name: "` + name + `", selection: ` + selection + `, beginsAt: "` + begin.Format(time.RFC3339) +
			`", endsAt: "` + end.Format(time.RFC3339) + `", revokeAt: "` + revoke.Format(time.RFC3339) + `"}) { campaign { id } } }`
	}
	// Who may not revoke cannot have a campaign revoke.
	if got := e.ask(t, e.as(rbac.ProtocolOperators), create("mine", end.Add(time.Hour)), nil); got.code() != "FORBIDDEN" {
		t.Errorf("a Protocol Operator revokes by a campaign: %+v", got.Errors)
	}
	e.done(t, rbac.Owners, create("new hash", end.Add(time.Hour)), &made)
	id := made.CreateRenewalCampaign.Campaign.ID
	if got := e.ask(t, e.as(rbac.Owners), create("new hash", end.Add(time.Hour)), nil); got.code() != "CONFLICT" {
		t.Errorf("the same name: %+v", got.Errors)
	}
	type campaign struct {
		State     string
		Total     int
		Selection struct{ Configuration struct{ Identifier string } }
		Progress  struct {
			Replaced, Ended int
			Planned, Actual []int
			Times           []time.Time
		}
		Stragglers struct {
			TotalCount int
			Nodes      []struct{ Certificate struct{ Subject string } }
		}
	}
	look := func() (c campaign) {
		t.Helper()
		var seen struct{ RenewalCampaign campaign }
		e.done(
			t, rbac.ProtocolAuditors,
			`{ renewalCampaign(id: "`+id+`") { state total selection { configuration { identifier } } progress { replaced ended planned actual times } stragglers { totalCount nodes { certificate { subject } } } } }`,
			&seen,
		)
		return seen.RenewalCampaign
	}
	var seen campaign
	eventually(t, "the windows", func() error {
		if seen = look(); seen.State == "PLANNING" {
			return errors.New("still planning")
		}
		return nil
	})
	p := seen.Progress
	if seen.State != "RUNNING" || seen.Total != 3 || seen.Selection.Configuration.Identifier != e.c.Identifier || len(p.Times) != 40 ||
		p.Planned[39] != 3 || p.Actual[39] != 0 || p.Replaced != 0 {
		t.Fatalf("%+v", seen)
	}
	get("a.example.com")
	if p := look().Progress; p.Replaced != 1 || p.Actual[39] != 1 {
		t.Errorf("after one renewal %+v", p)
	}
	ahead.Add(int64(150 * time.Minute)) // behind the end, before the revocation
	if s := look().Stragglers; s.TotalCount != 2 || len(s.Nodes) != 2 || !strings.Contains(s.Nodes[0].Certificate.Subject, "example.com") {
		t.Errorf("stragglers %+v", s)
	}
	// Page by page they are the same two, each once; and what is no cursor of the list is refused.
	var paged []string
	for after := ""; len(paged) < 3; {
		var one struct {
			RenewalCampaign struct {
				Stragglers struct {
					TotalCount int
					Nodes      []struct{ Certificate struct{ Subject string } }
					PageInfo   struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		e.done(
			t, rbac.ProtocolAuditors,
			`{ renewalCampaign(id: "`+id+`") { stragglers(first: 1`+after+
				`) { totalCount nodes { certificate { subject } } pageInfo { hasNextPage endCursor } } } }`,
			&one,
		)
		s := one.RenewalCampaign.Stragglers
		if len(s.Nodes) != 1 || s.TotalCount != 2 {
			t.Fatalf("a page of one straggler: %+v", s)
		}
		paged = append(paged, s.Nodes[0].Certificate.Subject)
		if !s.PageInfo.HasNextPage {
			break
		}
		after = `, after: "` + s.PageInfo.EndCursor + `"`
	}
	if whole := look().Stragglers.Nodes; len(paged) != 2 || paged[0] != whole[0].Certificate.Subject ||
		paged[1] != whole[1].Certificate.Subject {
		t.Errorf("page by page %v, at once %+v", paged, whole)
	}
	if got := e.ask(
		t, e.as(rbac.Owners), `{ renewalCampaign(id: "`+id+`") { stragglers(after: "Zm9v") { totalCount } } }`, nil,
	); got.code() != "INVALID" {
		t.Errorf("a cursor of nothing: %+v", got.Errors)
	}
	if text := e.done(
		t, rbac.Owners, `mutation { cancelRenewalCampaign(input: {id: "`+id+`"}) { campaign { state } } }`, nil,
	); !strings.Contains(text, "CANCELLED") {
		t.Error(text)
	}
	if s := look(); s.Stragglers.TotalCount != 0 || s.State != "CANCELLED" {
		t.Errorf("after it was cancelled %+v", s)
	}
}

// Whoever reads the manifest can enrol at once.
func TestTheManifestHasAnACMEConfiguration(t *testing.T) {
	e := newACME(t, "")
	e.cfg.Manifest = filepath.Join(t.TempDir(), "manifest.json")
	if err := e.writeManifest(e.m); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(e.cfg.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil || len(m.ACME) != 1 {
		t.Fatalf("%+v, %v", m.ACME, err)
	}
	at := m.ACME[0]
	c := &acmeEstate{e.App, e.m, e.ctx, &protocolconfig.Configuration{PartitionID: m.Partition.ID, Identifier: at.ConfigID}}
	if got := acme.DirectoryURL(e.cfg.BaseURL, c.c); got != at.DirectoryURL {
		t.Errorf("%s, the configuration is at %s", at.DirectoryURL, got)
	}
	answer, err := c.dial(nil).HTTPClient.Get(at.DirectoryURL)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	if at.EABKid == "" || len(at.EABHMACKey) != 86 || at.CAID != "issuing-1" {
		t.Errorf("%+v", at)
	}
}
