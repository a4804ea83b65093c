package testbed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/server"
)

// Person is a signed-in browser without the browser.
type Person struct {
	server   *Server
	client   *http.Client
	password string
}

// SignIn signs a user of the manifest in. The code of the next step is used, since the demo used the present one.
func (s *Server) SignIn(u server.ManifestUser) (*Person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Person{s, &http.Client{Timeout: 2 * time.Minute, Transport: s.client.Transport, Jar: jar}, u.Password}
	if err := p.GraphQL(
		`mutation($i: SignInInput!) { signIn(input: $i) { factors } }`,
		map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}}, nil,
	); err != nil {
		return nil, err
	}
	for _, step := range []time.Duration{0, 30 * time.Second} {
		code, err := totp.GenerateCode(u.TOTPSecret, time.Now().Add(step))
		if err != nil {
			return nil, err
		}
		err = p.GraphQL(
			`mutation($i: VerifySecondFactorInput!) { verifySecondFactor(input: $i) { viewer { operator } } }`,
			map[string]any{"i": map[string]any{"totp": code}}, nil,
		)
		if err == nil {
			return p, nil
		}
		if step > 0 {
			return nil, err
		}
	}
	return nil, fmt.Errorf("signing in %s", u.Email)
}

// GraphQL runs an operation as the person, who confirms their identity when they are asked to.
func (p *Person) GraphQL(query string, variables map[string]any, out any) error {
	err := p.operation(query, variables, out)
	var e *Error
	if !errors.As(err, &e) || e.Code != "PROOF_REQUIRED" {
		return err
	}
	if err := p.operation(
		`mutation($p: String!) { confirmIdentity(input: {password: $p}) { confirmedUntil } }`, map[string]any{"p": p.password}, nil,
	); err != nil {
		return err
	}
	return p.operation(query, variables, out)
}

func (p *Person) operation(query string, variables map[string]any, out any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, p.server.Manifest.BaseURL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Requested-With", "test")
	return p.server.do(p.client, r, out)
}

// Operator is the platform operator, signed in once: each code of an authenticator app is good once.
func (s *Server) Operator() (*Person, error) {
	s.signingIn.Lock()
	defer s.signingIn.Unlock()
	if s.operator != nil {
		return s.operator, nil
	}
	var err error
	s.operator, err = s.SignIn(*s.Manifest.Operator)
	return s.operator, err
}

// Operate runs an operation as the platform operator.
func (s *Server) Operate(query string) error {
	p, err := s.Operator()
	if err != nil {
		return err
	}
	return p.GraphQL(query, nil, nil)
}

// SignInAgain signs the same browser in once more: with its cookies, as a device that is known.
func (p *Person) SignInAgain(u server.ManifestUser) error {
	return p.GraphQL(
		`mutation($i: SignInInput!) { signIn(input: $i) { factors } }`,
		map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}}, nil,
	)
}

// Cookie is the header with the person's cookies.
func (p *Person) Cookie() string {
	u, err := url.Parse(p.server.Manifest.BaseURL)
	if err != nil {
		panic(err) // cannot be: the server wrote it
	}
	var pairs []string
	for _, c := range p.client.Jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// Invitations are the tokens of the links that were sent to an address, newest first, as the operator sees them without SMTP.
func (s *Server) Invitations(email string) ([]string, error) {
	operator, err := s.Operator()
	if err != nil {
		return nil, err
	}
	var out struct {
		PlatformOutbox struct{ Nodes []struct{ To, Body string } }
	}
	if err := operator.GraphQL(`{ platformOutbox { nodes { to body } } }`, nil, &out); err != nil {
		return nil, err
	}
	var tokens []string
	for _, m := range out.PlatformOutbox.Nodes {
		if _, token, found := strings.Cut(m.Body, "/invitation#"); found && m.To == email {
			token, _, _ = strings.Cut(token, "\n")
			tokens = append(tokens, token)
		}
	}
	return tokens, nil
}

// Accept makes an account by the token of an invitation, with a second factor, and returns its person, signed in.
func (s *Server) Accept(token string) (*Person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Person{s, &http.Client{Timeout: 2 * time.Minute, Transport: s.client.Transport, Jar: jar}, "correct horse battery staple"}
	if err := p.GraphQL(`mutation($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { factors } }`,
		map[string]any{
			"i": map[string]any{"token": token, "password": p.password, "firstName": "Some", "lastName": "Body"},
		}, nil); err != nil {
		return nil, err
	}
	var enrolment struct{ BeginTotpEnrolment struct{ Secret string } }
	if err := p.GraphQL(`mutation { beginTotpEnrolment { secret } }`, nil, &enrolment); err != nil {
		return nil, err
	}
	code, err := totp.GenerateCode(enrolment.BeginTotpEnrolment.Secret, time.Now())
	if err != nil {
		return nil, err
	}
	return p, p.GraphQL(
		`mutation($c: String!) { confirmTotpEnrolment(input: {totp: $c}) { viewer { operator } } }`, map[string]any{"c": code}, nil,
	)
}

// NewTenant makes a subscription with an Owner of its own, and its partition.
func (s *Server) NewTenant(email string) (*Person, string, error) {
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { createSubscription(input: {name: "another tenant", purchasedCertificates: 100, purchasedCas: 10, tier: STANDARD,
				ownerEmail: %q}) { subscription { id } } }`,
			email,
		),
	); err != nil {
		return nil, "", err
	}
	tokens, err := s.Invitations(email)
	if err != nil || len(tokens) == 0 {
		return nil, "", fmt.Errorf("no invitation for %s: %w", email, err)
	}
	owner, err := s.Accept(tokens[0])
	if err != nil {
		return nil, "", err
	}
	var list struct {
		Subscriptions struct{ Nodes []struct{ ID string } }
	}
	if err := owner.GraphQL(`{ subscriptions { nodes { id } } }`, nil, &list); err != nil || len(list.Subscriptions.Nodes) != 1 {
		return nil, "", fmt.Errorf("%d subscriptions: %w", len(list.Subscriptions.Nodes), err)
	}
	var assigned struct {
		AssignSubscription struct{ Partition struct{ ID string } }
	}
	err = owner.GraphQL(
		fmt.Sprintf(
			`mutation { assignSubscription(input: {subscriptionId: %q, region: US, acceptTerms: true}) { partition { id } } }`,
			list.Subscriptions.Nodes[0].ID,
		),
		nil, &assigned,
	)
	return owner, assigned.AssignSubscription.Partition.ID, err
}
