package acme

import (
	"encoding/json/jsontext"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
)

// The objects of RFC 8555 7.1 and RFC 9773 as clients see them.

type directoryObject struct {
	NewNonce    string        `json:"newNonce"`
	NewAccount  string        `json:"newAccount"`
	NewOrder    string        `json:"newOrder"`
	RevokeCert  string        `json:"revokeCert"`
	KeyChange   string        `json:"keyChange"`
	RenewalInfo string        `json:"renewalInfo"`
	Meta        directoryMeta `json:"meta"`
}

type directoryMeta struct {
	ExternalAccountRequired bool              `json:"externalAccountRequired"`
	CAAIdentities           []string          `json:"caaIdentities,omitempty"`
	Profiles                map[string]string `json:"profiles,omitempty"`
}

type accountObject struct {
	Status  acme.Status    `json:"status"`
	Contact []string       `json:"contact,omitempty"`
	Orders  string         `json:"orders"`
	Binding jsontext.Value `json:"externalAccountBinding,omitzero"`
}

type ordersObject struct {
	Orders []string `json:"orders"`
}

type orderObject struct {
	Status         acme.Status       `json:"status"`
	Expires        string            `json:"expires,omitempty"`
	Identifiers    []acme.Identifier `json:"identifiers"`
	Profile        string            `json:"profile,omitempty"`
	NotBefore      string            `json:"notBefore,omitempty"`
	NotAfter       string            `json:"notAfter,omitempty"`
	Replaces       string            `json:"replaces,omitempty"`
	Error          *problemObject    `json:"error,omitempty"`
	Authorizations []string          `json:"authorizations"`
	Finalize       string            `json:"finalize"`
	Certificate    string            `json:"certificate,omitempty"`
}

type authorizationObject struct {
	Identifier acme.Identifier    `json:"identifier"`
	Status     acme.Status        `json:"status"`
	Expires    string             `json:"expires,omitempty"`
	Challenges []*challengeObject `json:"challenges"`
	Wildcard   bool               `json:"wildcard,omitzero"`
}

type challengeObject struct {
	Type      string         `json:"type"`
	URL       string         `json:"url"`
	Status    acme.Status    `json:"status"`
	Token     string         `json:"token"`
	Validated string         `json:"validated,omitempty"`
	Error     *problemObject `json:"error,omitempty"`
}

type renewalObject struct {
	SuggestedWindow struct {
		Start string `json:"start"`
		End   string `json:"end"`
	} `json:"suggestedWindow"`
	ExplanationURL string `json:"explanationURL,omitempty"`
}

func instant(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

func instantOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return instant(*t)
}

func orderOf(base string, o *acme.Order) *orderObject {
	v := &orderObject{
		Status: o.Status, Expires: instant(o.ExpiresAt), Identifiers: o.Identifiers, NotBefore: instantOf(o.NotBefore),
		NotAfter: instantOf(o.NotAfter), Profile: o.Profile,
		Replaces: o.ReplacesName, Error: object(o.Error), Authorizations: []string{}, Finalize: base + "order/" + o.ID + "/finalize"}
	for _, id := range o.Authorizations {
		v.Authorizations = append(v.Authorizations, base+"authz/"+id)
	}
	if o.CertificateID != nil && o.Status == acme.Valid {
		v.Certificate = base + "certificate/" + *o.CertificateID
	}
	return v
}

func challengeOf(base string, c *acme.Challenge) *challengeObject {
	return &challengeObject{
		Type: c.Type, URL: base + "challenge/" + c.AuthorizationID + "/" + c.Type, Status: c.Status, Token: c.Token,
		Validated: instantOf(c.ValidatedAt), Error: object(c.Error),
	}
}

func authorizationOf(base string, z *acme.Authorization) *authorizationObject {
	v := &authorizationObject{
		Identifier: acme.Identifier{Type: z.IdentifierType, Value: z.Identifier}, Status: z.Status, Expires: instant(z.ExpiresAt),
		Wildcard: z.Wildcard, Challenges: []*challengeObject{},
	}
	for _, c := range z.Challenges {
		// A proved authorization shows what proved it, a failed one what failed (RFC 8555 7.1.4).
		if z.Status == acme.Valid && c.Status != acme.Valid || z.Status == acme.Invalid && c.Status != acme.Invalid {
			continue
		}
		v.Challenges = append(v.Challenges, challengeOf(base, c))
	}
	return v
}
