package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/rbac"
)

// telegraph is a throw-away enrollment protocol, as a package of its own would have it.
const telegraph protocolconfig.TypeID = "TELEGRAPH"

type telegraphSettings struct {
	Words    int                   `json:"words,omitempty"`
	Password protocolconfig.Secret `json:"password,omitzero"`
	Agents   []telegraphAgent      `json:"agents,omitempty"`
}

type telegraphAgent struct {
	Name string                `json:"name"`
	Key  protocolconfig.Secret `json:"key,omitzero"`
}

func (s *telegraphSettings) Check() error {
	if s.Words < 0 {
		return fault.New(fault.Invalid, "too few words").At("settings.words")
	}
	return nil
}

// withTelegraph registers it: one line.
func withTelegraph(a *App) *protocolconfig.Type {
	t := &protocolconfig.Type{ID: telegraph, Name: "telegraph", Label: "Telegraph", Groups: []string{"privatessl"}, Vouches: profile.Nobody,
		Settings: func() protocolconfig.Settings { return &telegraphSettings{} }}
	a.configurations.Register(t)
	return t
}

// telegraphProtocol is its way in, as a folder of protocols/ would have it.
type telegraphProtocol struct{ *App }

func (telegraphProtocol) Name() string { return "telegraph" }

func (p telegraphProtocol) Endpoints() []protocols.Endpoint {
	return []protocols.Endpoint{
		{
			Listener: protocols.TLS,
			Pattern:  "POST /telegraph/{partition}/{configuration}/{offering}",
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				serial, err := p.issue(r)
				if err != nil {
					protocols.PlainError(w, err)
					return
				}
				_, _ = io.WriteString(w, serial)
			}),
		},
	}
}

func (p telegraphProtocol) issue(r *http.Request) (string, error) {
	c, err := p.configurations.Open(r.Context(), r.PathValue("partition"), r.PathValue("configuration"), telegraph)
	if err != nil {
		return "", err
	}
	o := c.Named(r.PathValue("offering"))
	if o == nil {
		return "", rbac.NotFound()
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	ctx := rbac.WithActor(r.Context(), p.configurations.Actor(c, "192.0.2.7", "r").By(o.ID))
	made, err := p.enrollment.Issue(ctx, intake.Text{CAID: o.CAID, ProfileID: o.ProfileID, CSR: string(text)}.Request())
	if err != nil {
		return "", err
	}
	return made.Certificate.SerialNumber, nil
}

// A protocol is added by its own code and one line of registration each: its type is offered, configured and audited as others
// are, and what comes in by its endpoint bears its name.
func TestAProtocolIsAddedByTwoLines(t *testing.T) {
	b := newBench(t)
	b.choose(acmeProfile)
	withTelegraph(b.App)
	handlers, err := b.compose(append(b.protocols(), telegraphProtocol{b.App}))
	if err != nil {
		t.Fatal(err)
	}
	offered, err := b.configurations.Offers(b.ctx, b.partition)
	if err != nil || offered[len(offered)-1].Label != "Telegraph" {
		t.Fatal(offered, err)
	}
	if authorities, err := b.configurations.Authorities(b.ctx, offered[len(offered)-1]); err != nil || len(authorities) == 0 {
		t.Fatal(authorities, err)
	}
	c, err := b.configurations.Create(b.ctx, protocolconfig.Request{PartitionID: b.partition, Identifier: "wire", Type: telegraph,
		Offerings: []protocolconfig.OfferingRequest{{Name: "morse", CAID: b.ca.ID, ProfileID: acmeProfile}}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(offering string) (int, string) {
		w := httptest.NewRecorder()
		handlers["tls"].ServeHTTP(
			w,
			httptest.NewRequest(
				"POST",
				"/telegraph/"+b.partition+"/wire/"+offering,
				strings.NewReader(b.request(acmeProfile, "wire.example").CSR),
			),
		)
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	status, serial := ask("morse")
	made, err := b.certificates.BySerial(b.ctx, b.ca, serial)
	if status != 200 || err != nil || made.Source != "telegraph" || made.RequestedBy != "telegraph:wire" || *made.ConfigurationID != c.ID ||
		*made.OfferingID != c.Offerings[0].ID {
		t.Fatalf("%d %s: %+v, %v", status, serial, made, err)
	}
	if events, err := b.audit.List(b.ctx, b.partition, audit.Filter{ConfigurationID: c.ID}, page.Request{First: 10}); err != nil ||
		len(events.Nodes) != 2 ||
		events.Nodes[0].ActorName != "telegraph:wire" {
		t.Errorf("events %v, %v", events, err)
	}
	if status, says := ask("smoke"); status != 404 {
		t.Errorf("an offering that there is not: %d %s", status, says)
	}
	if _, err := b.configurations.Disable(b.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if status, says := ask("morse"); status != 400 || !strings.Contains(says, "disabled") {
		t.Errorf("while it is disabled: %d %s", status, says)
	}
	// What does not say whether it answers for claims, and what is there already, is not taken.
	for label, bad := range map[string]*protocolconfig.Type{
		"one that says nothing of claims": {ID: "SMOKE", Vouches: "smoke"}, "one that is there": {ID: telegraph, Vouches: profile.Nobody},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is registered", label)
				}
			}()
			b.configurations.Register(bad)
		}()
	}
}

// Secrets in settings are sealed in rows of their own, whatever type has them, and stand nowhere else.
func TestSecretsOfSettings(t *testing.T) {
	b := newBench(t)
	b.choose(acmeProfile)
	withTelegraph(b.App)
	const password, key, second = "correct horse battery", "staple-of-an-agent", "another password"
	request := protocolconfig.Request{
		PartitionID: b.partition,
		Identifier:  "wire",
		Type:        telegraph,
		Offerings:   protocolconfig.One(b.ca.ID, acmeProfile),
		Settings:    `{"words": 7, "password": "` + password + `", "agents": [{"name": "x", "key": "` + key + `"}, {"name": "y"}]}`,
	}
	made, err := b.configurations.Create(b.ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	read := func() (*protocolconfig.Configuration, *telegraphSettings) {
		t.Helper()
		c, err := b.configurations.Get(b.ctx, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		set, err := protocolconfig.SettingsOf[telegraphSettings](c)
		if err != nil {
			t.Fatal(err)
		}
		return c, set
	}
	reveal := func(c *protocolconfig.Configuration, s protocolconfig.Secret) string {
		t.Helper()
		plain, err := b.configurations.Reveal(b.ctx, c, s)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	rows := func() (n int64) {
		t.Helper()
		if err := b.store.DB(b.ctx).Table("protocol_secrets").Where("configuration_id = ?", made.ID).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	c, set := read()
	if reveal(c, set.Password) != password || reveal(c, set.Agents[0].Key) != key || reveal(c, set.Agents[1].Key) != "" || set.Words != 7 ||
		rows() != 2 {
		t.Fatalf("%+v", set)
	}
	if set.Agents[1].Key.IsSet() || !set.Password.IsSet() || set.Password.String() != "set" || set.Agents[1].Key.String() != "not set" {
		t.Error("set or not set")
	}
	// As it was shown: one secret is kept, one is changed, one is taken away.
	shown := strings.Replace(c.Settings, `"words":7`, `"words":8`, 1)
	if _, err := b.configurations.Update(b.ctx, c.ID, protocolconfig.Change{Settings: &shown}); err != nil {
		t.Fatal(err)
	}
	if c, set = read(); set.Words != 8 || reveal(c, set.Password) != password || rows() != 2 {
		t.Errorf("settings given back as they were shown: %+v", set)
	}
	if _, err := b.configurations.ChangeSettings(b.ctx, c.ID, telegraph, func(s protocolconfig.Settings) error {
		s.(*telegraphSettings).Password, s.(*telegraphSettings).Agents[0].Key = protocolconfig.NewSecret(second), protocolconfig.Secret{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	old := set.Password
	if c, set = read(); reveal(c, set.Password) != second || set.Agents[0].Key.IsSet() || rows() != 1 {
		t.Errorf("a secret changed, and one taken away: %+v", set)
	}
	if _, err := b.configurations.Reveal(b.ctx, c, old); !fault.Is(err, fault.Conflict) {
		t.Errorf("a secret that was replaced: %v", err)
	}
	_, err = b.configurations.Update(b.ctx, c.ID, protocolconfig.Change{Settings: &c.Settings})
	wants(t, "nothing changed", err, fault.Conflict, "nothing")
	// Another configuration cannot refer to it.
	request.Identifier, request.Settings = "tap", c.Settings
	_, err = b.configurations.Create(b.ctx, request)
	wants(t, "the secret of another configuration", err, fault.Invalid, "settings")
	for label, settings := range map[string]string{
		"an unknown field": `{"password": "` + password +
			`", "cable": 1}`, "a secret that is a number": `{"password": 5}`, "a secret that is another object": `{"password": {"x": "` +
			password + `"}}`,
		"what the type refuses": `{"password": "` + password + `", "words": -1}`,
	} {
		request.Settings = settings
		_, err = b.configurations.Create(b.ctx, request)
		wants(t, label, err, fault.Invalid, "")
		if err != nil && strings.Contains(err.Error()+fmt.Sprintf("%+v %#v", err, err), password) {
			t.Errorf("%s: the error tells the secret", label)
		}
	}
	// It is sealed anew with a new key-encryption key, with everything else.
	if err := b.kek.BeginRotation(); err != nil {
		t.Fatal(err)
	}
	var before, after []byte
	column := func(to *[]byte) {
		t.Helper()
		if err := b.store.DB(b.ctx).Table("protocol_secrets").Where("configuration_id = ?",
			made.ID).Select("secret").Row().Scan(to); err != nil {
			t.Fatal(err)
		}
	}
	column(&before)
	if _, err := b.reseal(b.ctx); err != nil {
		t.Fatal(err)
	}
	if column(&after); string(before) == string(after) || !b.kek.Current(after) || reveal(c, set.Password) != second {
		t.Error("the secret was not sealed anew")
	}
	// What is printed, logged, answered or recorded holds none of them.
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).Info("settings", "settings", set, "new", protocolconfig.NewSecret(second))
	}
	text := fmt.Sprintf(
		"%v %+v %#v %s %v %+v %#v",
		*set,
		set,
		set,
		set.Password,
		protocolconfig.NewSecret(second),
		telegraphSettings{Password: protocolconfig.NewSecret(second)},
		protocolconfig.NewSecret(second),
	) + log.String() + c.Settings
	if _, err := json.Marshal(telegraphSettings{Password: protocolconfig.NewSecret(second)}); err == nil {
		t.Error("a secret that is not sealed was written as JSON")
	}
	events, err := b.audit.List(b.ctx, b.partition, audit.Filter{}, page.Request{First: 100})
	if err != nil || len(events.Nodes) < 5 {
		t.Fatal(err, events)
	}
	for _, e := range events.Nodes {
		text += fmt.Sprintf("%+v", *e)
	}
	var tables []string
	if err := b.store.DB(b.ctx).Raw("SELECT name FROM sqlite_master WHERE type = 'table'").Scan(&tables).Error; err != nil ||
		len(tables) < 20 {
		t.Fatal(err, tables)
	}
	for _, table := range tables { // the whole database
		var rows []map[string]any
		if err := b.store.DB(b.ctx).Table(table).Find(&rows).Error; err != nil {
			t.Fatal(table, err)
		}
		for _, row := range rows {
			for _, v := range row {
				if raw, ok := v.([]byte); ok {
					v = string(raw)
				}
				text += fmt.Sprint(v)
			}
		}
	}
	for _, secret := range []string{password, key, second} {
		if n := strings.Index(text, secret); n >= 0 {
			t.Errorf("%q stands in %q", secret, text[max(0, n-200):n+50])
		}
	}
}
