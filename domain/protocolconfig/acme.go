package protocolconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/attestation"
	"github.com/pkiaas/pkiaas/rbac"
)

// ACMESettings are those of a configuration of type ACME. The zero value of each is its default.
type ACMESettings struct {
	// Challenges that are offered; empty: http-01, dns-01 and tls-alpn-01.
	Challenges []string `json:"challenges,omitempty"`
	// Profiles that an order may name beside the configuration's own (draft-ietf-acme-profiles): ids.
	Profiles []string `json:"profiles,omitempty"`
	// OrdersPerHour of an account; 0: 300.
	OrdersPerHour int `json:"ordersPerHour,omitempty"`
	// FailuresPerHour of an account's authorizations; 0: 60.
	FailuresPerHour int `json:"failuresPerHour,omitempty"`
	// OrderHours until an order not finalized expires; 0: 168.
	OrderHours int `json:"orderHours,omitempty"`
	// AuthorizationHours that a proved authorization is good for; 0: 168.
	AuthorizationHours int `json:"authorizationHours,omitempty"`
	// RenewalPollMinutes is how often clients are told to ask for renewal information; 0: 360.
	RenewalPollMinutes int `json:"renewalPollMinutes,omitempty"`
	// Attestation formats that are believed in device-attest-01, each with the certificates (PEM) that its chains must lead to, ""
	// for those built in.
	Attestation map[attestation.Format]string `json:"attestation,omitempty"`
}

var acmeChallenges = []string{"http-01", "dns-01", "tls-alpn-01", "device-attest-01"}

// ReadACME decodes and checks settings.
func ReadACME(text string) (*ACMESettings, error) {
	s := &ACMESettings{}
	if text == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil, fault.New(fault.Invalid, "the settings are not those of ACME").At("settings").Because(err)
	}
	for _, c := range s.Challenges {
		if !slices.Contains(acmeChallenges, c) {
			return nil, fault.New(fault.Invalid, "there is no challenge of type %q", c).At("settings.challenges").Do("Choose of http-01, dns-01, tls-alpn-01 and device-attest-01.")
		}
	}
	for _, limit := range []struct {
		field          string
		value, maximum int
	}{
		{"ordersPerHour", s.OrdersPerHour, 1_000_000}, {"failuresPerHour", s.FailuresPerHour, 1_000_000}, {"orderHours", s.OrderHours, 720},
		{"authorizationHours", s.AuthorizationHours, 8760}, {"renewalPollMinutes", s.RenewalPollMinutes, 10080},
	} {
		if limit.value < 0 || limit.value > limit.maximum {
			return nil, fault.New(fault.Invalid, "%d is out of range", limit.value).At("settings." + limit.field).Do("0 is the default.")
		}
	}
	if slices.Contains(s.Challenges, "device-attest-01") && len(s.Attestation) == 0 {
		return nil, fault.New(fault.Invalid, "device-attest-01 needs at least one format of attestation").At("settings.attestation").Do("Give apple, android-key, step or tpm.")
	}
	if _, err := s.Anchors(); err != nil {
		return nil, err
	}
	return s, nil
}

// Anchors are whom attestations are believed from.
func (s *ACMESettings) Anchors() (attestation.Anchors, error) {
	anchors := attestation.Anchors{}
	for format, text := range s.Attestation {
		found, err := attestation.ParseAnchors(format, text, "settings.attestation."+string(format))
		if err != nil {
			return nil, err
		}
		anchors[format] = found
	}
	return anchors, nil
}

// ownRoots are the roots that are not built in, by format.
func (s *ACMESettings) ownRoots() map[attestation.Format]string {
	own := map[attestation.Format]string{}
	for format, roots := range s.Attestation {
		if roots != "" {
			own[format] = roots
		}
	}
	return own
}

// ACME are the settings of a configuration of that type.
func (c *Configuration) ACME() (*ACMESettings, error) { return ReadACME(c.Settings) }

// UpdateACME lets alter change the settings of a configuration of type ACME.
func (s *Service) UpdateACME(ctx context.Context, id string, alter func(*ACMESettings)) (*Configuration, error) {
	return s.change(ctx, id, "protocol.update", func(ctx context.Context, c *Configuration, e *audit.Event) error {
		if c.Type != ACME {
			return rbac.NotFound()
		}
		set, err := c.ACME()
		if err != nil {
			return err
		}
		before := c.facts()
		old, had := *c, slices.Clone(set.Profiles)
		alter(set)
		if slices.ContainsFunc(set.Profiles, func(id string) bool { return !slices.Contains(had, id) }) {
			if err := s.mayWiden(ctx, c); err != nil {
				return err
			}
		}
		settings, err := json.Marshal(set)
		if err != nil {
			return err
		}
		if c.Settings == string(settings) {
			return fault.New(fault.Conflict, "nothing is changed").Do("Change something, or leave the settings as they are.")
		}
		c.Settings = string(settings)
		if err := s.mayTrust(ctx, c, &old); err != nil {
			return err
		}
		known, err := s.Profiles.Find(ctx, c.PartitionID, set.Profiles)
		if err != nil {
			return err
		}
		for _, id := range set.Profiles {
			if p := known[id]; p == nil || !TypeByID(ACME).Fits(p.Profile) {
				return fault.New(fault.PolicyRefused, "there is no profile %s that ACME issues under", text.Quote(id)).At("settings.profiles").Do("Choose a profile of the group " + TypeByID(ACME).Groups[0] + ".")
			}
		}
		_, err = s.check(ctx, c, false)
		e.Summary = "changed the settings of " + c.Identifier
		e.Details = audit.Details{"before": before, "after": c.facts()}
		return err
	})
}

// mayTrust refuses new attestation roots to those who may not issue: whoever chooses whom attestations are believed from can
// attest whatever they like. old is nil for a new configuration.
func (s *Service) mayTrust(ctx context.Context, c, old *Configuration) error {
	set, err := c.ACME()
	if err != nil {
		return err
	}
	before := map[attestation.Format]string{}
	if old != nil {
		set, err := old.ACME()
		if err != nil {
			return err
		}
		before = set.ownRoots()
	}
	for format, roots := range set.ownRoots() {
		if before[format] != roots {
			err := s.Guard.RequireHandOn(ctx, rbac.CertificateIssue, c.PartitionID, "Trusting attestation roots of your own")
			if err != nil {
				return fault.Of(err).At("settings.attestation")
			}
		}
	}
	return nil
}

func checkACME(settings json.RawMessage) error {
	known := json.NewDecoder(bytes.NewReader(settings))
	known.DisallowUnknownFields()
	if err := known.Decode(&ACMESettings{}); err != nil {
		return fault.New(fault.Invalid, "the settings are not those of ACME").At("settings").Because(err)
	}
	_, err := ReadACME(string(settings))
	return err
}

func or(value, standard int) int {
	if value == 0 {
		return standard
	}
	return value
}

// Offered are the types of challenges that clients may choose from.
func (s *ACMESettings) Offered() []string {
	if len(s.Challenges) == 0 {
		return acmeChallenges[:3]
	}
	return s.Challenges
}

// OrderLife is until an order that was not finalized expires.
func (s *ACMESettings) OrderLife() time.Duration {
	return time.Duration(or(s.OrderHours, 168)) * time.Hour
}

// AuthorizationLife is how long a proof is good for.
func (s *ACMESettings) AuthorizationLife() time.Duration {
	return time.Duration(or(s.AuthorizationHours, 168)) * time.Hour
}

// Orders that an account may make within an hour.
func (s *ACMESettings) Orders() int { return or(s.OrdersPerHour, 300) }

// Failures that the authorizations of an account may have within an hour.
func (s *ACMESettings) Failures() int { return or(s.FailuresPerHour, 60) }

// RenewalPoll is how long a client waits before it asks for renewal information again.
func (s *ACMESettings) RenewalPoll() time.Duration {
	return time.Duration(or(s.RenewalPollMinutes, 360)) * time.Minute
}
