package acme

import (
	"context"
	"slices"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/attestation"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// TypeID names ACME among the enrollment protocols.
const TypeID protocolconfig.TypeID = "ACME"

// Type is ACME (RFC 8555) as an enrollment protocol that partitions configure.
func (s *Service) Type() *protocolconfig.Type {
	return &protocolconfig.Type{
		ID:                TypeID,
		Name:              "acme",
		Label:             "ACME",
		Groups:            []string{"privatessl"},
		Vouches:           profile.Nobody,
		SharedEndEntities: true,
		Settings:          func() protocolconfig.Settings { return &Settings{} },
		PermitSettings:    s.permitSettings,
		Unproved:          s.Unproved,
	}
}

// Settings are those of a configuration. The zero value of each is its default.
type Settings struct {
	// Challenges that are offered; empty: http-01, dns-01 and tls-alpn-01.
	Challenges []string `json:"challenges,omitempty"`
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

// Check refuses what cannot be meant.
func (s *Settings) Check() error {
	for _, c := range s.Challenges {
		if !slices.Contains(Challenges(), c) {
			return fault.New(fault.Invalid, "there is no challenge of type %q", c).
				At("settings.challenges").
				Do("Choose of http-01, dns-01, tls-alpn-01 and device-attest-01.")
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
			return fault.New(fault.Invalid, "%d is out of range", limit.value).At("settings." + limit.field).Do("0 is the default.")
		}
	}
	if slices.Contains(s.Challenges, "device-attest-01") && len(s.Attestation) == 0 {
		return fault.New(fault.Invalid, "device-attest-01 needs at least one format of attestation").
			At("settings.attestation").
			Do("Give apple, android-key, step or tpm.")
	}
	_, err := s.Anchors()
	return err
}

// Anchors are whom attestations are believed from.
func (s *Settings) Anchors() (attestation.Anchors, error) {
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
func (s *Settings) ownRoots() map[attestation.Format]string {
	own := map[attestation.Format]string{}
	for format, roots := range s.Attestation {
		if roots != "" {
			own[format] = roots
		}
	}
	return own
}

// SettingsOf are those of a configuration of ACME.
func SettingsOf(c *protocolconfig.Configuration) (*Settings, error) {
	return protocolconfig.SettingsOf[Settings](c)
}

// UpdateSettings lets alter change the settings of a configuration of ACME.
func (s *Service) UpdateSettings(ctx context.Context, id string, alter func(*Settings)) (*protocolconfig.Configuration, error) {
	return s.Configurations.ChangeSettings(ctx, id, TypeID, func(set protocolconfig.Settings) error {
		alter(set.(*Settings))
		return nil
	})
}

// permitSettings refuses new attestation roots to those who may not issue: whoever chooses whom attestations are believed from can
// attest whatever they like.
func (s *Service) permitSettings(ctx context.Context, c *protocolconfig.Configuration, was, is protocolconfig.Settings) error {
	before, set := &Settings{}, is.(*Settings)
	if was != nil {
		before = was.(*Settings)
	}
	trusted := before.ownRoots()
	for format, roots := range set.ownRoots() {
		if trusted[format] != roots {
			err := s.Guard.RequireHandOn(ctx, rbac.CertificateIssue, c.PartitionID, "Trusting attestation roots of your own")
			if err != nil {
				return fault.Of(err).At("settings.attestation")
			}
		}
	}
	return nil
}

func or(value, standard int) int {
	if value == 0 {
		return standard
	}
	return value
}

// Offered are the types of challenges that clients may choose from.
func (s *Settings) Offered() []string {
	if len(s.Challenges) == 0 {
		return Challenges()[:3]
	}
	return s.Challenges
}

// OrderLife is until an order that was not finalized expires.
func (s *Settings) OrderLife() time.Duration {
	return time.Duration(or(s.OrderHours, 168)) * time.Hour
}

// AuthorizationLife is how long a proof is good for.
func (s *Settings) AuthorizationLife() time.Duration {
	return time.Duration(or(s.AuthorizationHours, 168)) * time.Hour
}

// Orders that an account may make within an hour.
func (s *Settings) Orders() int { return or(s.OrdersPerHour, 300) }

// Failures that the authorizations of an account may have within an hour.
func (s *Settings) Failures() int { return or(s.FailuresPerHour, 60) }

// RenewalPoll is how long a client waits before it asks for renewal information again.
func (s *Settings) RenewalPoll() time.Duration {
	return time.Duration(or(s.RenewalPollMinutes, 360)) * time.Minute
}
