package testbed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/server"
)

// Person is a signed-in browser without the browser.
type Person struct {
	server *Server
	client *http.Client
}

// SignIn signs a user of the manifest in. The code of the next step is used, since the demo used the present one.
func (s *Server) SignIn(u server.ManifestUser) (*Person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &Person{s, &http.Client{Timeout: 30 * time.Second, Transport: s.client.Transport, Jar: jar}}
	if err := p.GraphQL(`mutation($i: SignInInput!) { signIn(input: $i) { factors } }`, map[string]any{"i": map[string]any{"email": u.Email, "password": u.Password}}, nil); err != nil {
		return nil, err
	}
	for _, step := range []time.Duration{0, 30 * time.Second} {
		code, err := totp.GenerateCode(u.TOTPSecret, time.Now().Add(step))
		if err != nil {
			return nil, err
		}
		err = p.GraphQL(`mutation($i: SecondFactorInput!) { verifySecondFactor(input: $i) { viewer { operator } } }`, map[string]any{"i": map[string]any{"totp": code}}, nil)
		if err == nil {
			return p, nil
		}
		if step > 0 {
			return nil, err
		}
	}
	return nil, fmt.Errorf("signing in %s", u.Email)
}

// GraphQL runs an operation as the person.
func (p *Person) GraphQL(query string, variables map[string]any, out any) error {
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

// Operate runs an operation as the platform operator.
func (s *Server) Operate(query string) error {
	p, err := s.SignIn(*s.Manifest.Operator)
	if err != nil {
		return err
	}
	return p.GraphQL(query, nil, nil)
}
