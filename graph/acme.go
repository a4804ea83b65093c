package graph

import (
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/graph/model"
	"github.com/pkiaas/pkiaas/pki/attestation"
)

func acmeStatus(s acme.Status) model.AcmeStatus { return model.AcmeStatus(strings.ToUpper(string(s))) }

// acmeSettings are those in force.
func acmeSettings(c *protocolconfig.Configuration) (*model.AcmeSettings, error) {
	s, err := acme.SettingsOf(c)
	if err != nil {
		return nil, err
	}
	out := &model.AcmeSettings{
		Challenges: s.Offered(), OrdersPerHour: s.Orders(), FailuresPerHour: s.Failures(), OrderHours: int(s.OrderLife().Hours()),
		AuthorizationHours: int(s.AuthorizationLife().Hours()), RenewalPollMinutes: int(s.RenewalPoll().Minutes()),
		Attestation: []*model.AcmeAttestation{}}
	for _, f := range attestation.Formats() {
		if roots, ok := s.Attestation[f]; ok {
			out.Attestation = append(out.Attestation, &model.AcmeAttestation{Format: string(f), Roots: roots})
		}
	}
	return out, nil
}

func changeACME(s *acme.Settings, in model.UpdateAcmeSettingsInput) {
	if in.Challenges != nil {
		s.Challenges = slices.Clone(in.Challenges)
	}
	for to, from := range map[*int]*int{
		&s.OrdersPerHour: in.OrdersPerHour, &s.FailuresPerHour: in.FailuresPerHour, &s.OrderHours: in.OrderHours,
		&s.AuthorizationHours: in.AuthorizationHours, &s.RenewalPollMinutes: in.RenewalPollMinutes,
	} {
		if from != nil {
			*to = *from
		}
	}
	if in.Attestation != nil {
		s.Attestation = map[attestation.Format]string{}
		for _, a := range in.Attestation {
			s.Attestation[attestation.Format(a.Format)] = a.Roots
		}
	}
}

func renewalSelection(in *model.RenewalSelectionInput) acme.Selection {
	return acme.Selection{
		ConfigurationID: value(in.ConfigurationID), CAID: value(in.CaID), ProfileID: value(in.ProfileID), KeyType: value(in.KeyType),
		SignatureAlgorithm: value(in.SignatureAlgorithm),
		IssuedFrom:         in.IssuedFrom, IssuedUntil: in.IssuedUntil, ExpiresFrom: in.ExpiresFrom, ExpiresUntil: in.ExpiresUntil}
}

func campaignPayload(c *acme.Campaign, err error) (*model.RenewalCampaignPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.RenewalCampaignPayload{Campaign: c}, nil
}
