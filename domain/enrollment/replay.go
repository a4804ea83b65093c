package enrollment

import (
	"context"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// Bounds of a replay.
const (
	replayMost     = 1000
	replayExamples = 20
	replayDays     = 3650
)

// Replay is what a draft profile would have made of the requests that there were.
type Replay struct {
	// Requests were looked at, the newest ones; More tells that there were others.
	Requests int
	More     bool
	// Same, Changed and Refused add up to Requests.
	Same, Changed, Refused int
	// Rules counts the refusals by the rule that refused.
	Rules map[string]int
	// Examples are up to 20 requests that would not have gone as they did, refused ones first.
	Examples []ReplayExample
}

// ReplayExample is one of them.
type ReplayExample struct {
	Certificate *certificate.Certificate
	Refusal     *fault.Error // nil when it would have been issued
	Changes     []string     // e.g. "validity: 365 days, now 90 days"
}

// Replay runs a draft profile against the requests behind the certificates of the last days, each at its instant and
// under its CA; profileID narrows them to those issued under one profile. Of certificates that kept their story it takes
// the request; of older ones what can be read in the certificate. Nothing is recorded.
func (s *Service) Replay(ctx context.Context, partitionID, json string, days int, profileID string) (*Replay, error) {
	if err := s.Guard.Require(ctx, rbac.ProfileManage, partitionID); err != nil {
		return nil, err
	}
	if days < 1 || days > replayDays {
		return nil, fault.New(fault.Invalid, "a replay goes back 1 to %d days", replayDays).At("days")
	}
	draft, err := profile.ParseGiven([]byte(json), profile.Given{ID: "draft", Name: "draft", Group: "draft"})
	if err != nil {
		return nil, err
	}
	if draft.Kind != profile.Subscriber {
		return nil, fault.New(fault.PolicyRefused, "authority profiles are fixed: only subscriber profiles can be tried").At("json")
	}
	query := s.Store.DB(ctx).Where(
		"partition_id = ? AND kind = ? AND created_at >= ?", partitionID, certificate.Subscriber, s.Now().AddDate(0, 0, -days),
	)
	if profileID != "" {
		query = query.Where("profile_id = ?", profileID)
	}
	var list []*certificate.Certificate
	if err := query.Order("id DESC").Limit(replayMost + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	out := &Replay{More: len(list) > replayMost, Rules: map[string]int{}}
	issuers := map[string]profile.Issuer{}
	var refused, changed []ReplayExample
	for _, c := range list[:min(len(list), replayMost)] {
		facts, known := issuers[c.CAID]
		if !known {
			i, _, err := s.issuer(ctx, c.CAID)
			if err != nil || i.key == nil {
				continue // its CA is gone: nobody could ask again
			}
			facts = i.facts
			issuers[c.CAID] = facts
		}
		example := ReplayExample{Certificate: c}
		out.Requests++
		if example.Refusal, example.Changes = s.replay(c, draft, facts); example.Refusal != nil {
			out.Refused++
			out.Rules[example.Refusal.Rule]++
			refused = append(refused, example)
		} else if len(example.Changes) > 0 {
			out.Changed++
			changed = append(changed, example)
		} else {
			out.Same++
		}
	}
	examples := append(refused[:min(len(refused), replayExamples)], changed...)
	out.Examples = examples[:min(len(examples), replayExamples)]
	return out, nil
}

// replay applies the draft to the request behind one certificate, at its instant.
func (s *Service) replay(c *certificate.Certificate, draft *profile.Profile, facts profile.Issuer) (*fault.Error, []string) {
	request, is, err := reconstruct(c)
	if err != nil {
		return fault.Of(err), nil
	}
	result, err := draft.Apply(*request, facts, c.CreatedAt, s.ClockSkew)
	if err != nil {
		return fault.Of(err), nil
	}
	return nil, differences(result, is)
}

// reconstruct makes the request that led to a certificate.
func reconstruct(c *certificate.Certificate) (*profile.Request, *issuance.Details, error) {
	is, err := issuance.Inspect(c.DER)
	if err != nil {
		return nil, nil, err
	}
	r := &profile.Request{PublicKey: is.PublicKey}
	if c.Story == nil || c.Story.ActorKind != string(rbac.ProtocolActor) { // whoever asked answered for it, as far as is known
		r.Vouched = profile.Voucher{Source: profile.Person, CSR: true}
	}
	if r.KeyInfo, err = algorithm.InspectPublicKey(r.PublicKey); err != nil {
		return nil, nil, err
	}
	if c.Story != nil {
		return r, is, asked(c, r)
	}
	if r.Subject, err = name.FromDER(is.Subject); err != nil {
		return nil, nil, err
	}
	for _, e := range is.Extensions {
		switch {
		case e.ID.Equal(extension.OIDSubjectAltName):
			if r.SANs, err = san.FromDER(e.Value); err != nil {
				return nil, nil, err
			}
		case !givenByIssuer(e.ID) && !e.ID.Equal(extension.OIDKeyUsage) && !e.ID.Equal(extension.OIDExtendedKeyUsage) &&
			!e.ID.Equal(extension.OIDBasicConstraints):
			r.Extensions = append(r.Extensions, e)
		}
	}
	if p, ok := profile.ByID(c.ProfileID); ok {
		r.ServerSideKey = p.ServerSideKeys && !p.ClientSideKeys
	}
	return r, is, nil
}

// asked fills the request from what was kept of it.
func asked(c *certificate.Certificate, r *profile.Request) (err error) {
	a := c.Story.Asked
	if r.Subject, err = name.Parse(a.Subject); err != nil {
		return err
	}
	r.SANs, r.ServerSideKey, r.MaxValidity = a.SANs, a.ServerSideKey, a.MaxValidity
	for _, e := range a.Extensions {
		id, ok := name.ParseOID(e.OID)
		if !ok {
			return fmt.Errorf("the story of %s holds the OID %q", c.ID, e.OID)
		}
		value := e.Value
		if value == nil {
			value = []byte{5, 0} // too long to be kept
		}
		r.Extensions = append(r.Extensions, extension.Extension{ID: id, Critical: e.Critical, Value: value})
	}
	if a.NotAfter != "" {
		end, err := time.Parse(time.RFC3339, a.NotAfter)
		if err != nil {
			return err
		}
		r.NotAfter = &end
	}
	return nil
}

// givenByIssuer are the extensions that follow from CA and key, which no profile changes.
func givenByIssuer(id asn1.ObjectIdentifier) bool {
	return slices.Contains([]string{"2.5.29.14", "2.5.29.35", "2.5.29.31", "2.5.29.46", "1.3.6.1.5.5.7.1.1"}, id.String())
}

// differences says, in words, how the result differs from the certificate that there is.
func differences(result *profile.Result, is *issuance.Details) []string {
	var changes []string
	was, now := is.NotAfter.Sub(is.NotBefore), result.NotAfter.Sub(result.NotBefore)
	// The default begin follows the clock of that second: a minute is no difference.
	if d := was - now; d > time.Minute || d < -time.Minute {
		changes = append(changes, fmt.Sprintf("validity: %s, now %s", span(was), span(now)))
	}
	if string(result.Subject) != string(is.Subject) {
		changes = append(changes, "subject")
	}
	find := func(list []extension.Extension, id asn1.ObjectIdentifier) *extension.Extension {
		if n := slices.IndexFunc(list, func(e extension.Extension) bool { return e.ID.Equal(id) }); n >= 0 {
			return &list[n]
		}
		return nil
	}
	title := func(id asn1.ObjectIdentifier) string { return strings.ToLower(profile.UsageName(id.String())) }
	for _, e := range is.Extensions {
		if givenByIssuer(e.ID) {
			continue
		}
		switch other := find(result.Extensions, e.ID); {
		case other == nil:
			changes = append(changes, title(e.ID)+": left out")
		case string(other.Value) != string(e.Value) || other.Critical != e.Critical:
			changes = append(changes, title(e.ID)+": another value")
		}
	}
	for _, e := range result.Extensions {
		if !givenByIssuer(e.ID) && find(is.Extensions, e.ID) == nil {
			changes = append(changes, title(e.ID)+": added")
		}
	}
	return changes
}

func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
	}
	return d.Round(time.Minute).String()
}
