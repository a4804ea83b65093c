package graph

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/graph/model"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
)

// profilesByID keeps the order of the ids; what is gone or retired is left out.
func (r *Resolver) profilesByID(ctx context.Context, partitionID string, ids []string) ([]*profiles.Profile, error) {
	found, err := r.Profiles.Find(ctx, partitionID, ids)
	out := []*profiles.Profile{}
	for _, id := range ids {
		if p := found[id]; p != nil {
			out = append(out, p)
		}
	}
	return out, err
}

func (r *Resolver) profileGroups(ctx context.Context, partitionID string) ([]*model.ProfileGroup, error) {
	all, err := r.Profiles.List(ctx, partitionID, profiles.Filter{})
	if err != nil {
		return nil, err
	}
	groups, err := r.Profiles.Groups(ctx, partitionID)
	out := make([]*model.ProfileGroup, len(groups))
	for n, g := range groups {
		out[n] = &model.ProfileGroup{ID: g.ID, Title: g.Title, Kind: model.ProfileKind(g.Kind), Profiles: []*profiles.Profile{}}
		for _, p := range all {
			if p.Group == g.ID {
				out[n].Profiles = append(out[n].Profiles, p)
			}
		}
	}
	return out, err
}

func (r *Resolver) profileGroup(ctx context.Context, partitionID, id string) (*model.ProfileGroup, error) {
	g := groupOf(id)
	all, err := r.Profiles.List(ctx, partitionID, profiles.Filter{Group: id})
	return &model.ProfileGroup{ID: g.ID, Title: g.Title, Kind: model.ProfileKind(g.Kind), Profiles: list(all)}, err
}

// groupOf is the group of the id; one that the partition made is called by its id.
func groupOf(id string) profile.Group {
	for _, g := range profile.Groups() {
		if g.ID == id {
			return g
		}
	}
	return profile.Group{ID: id, Kind: profile.Subscriber, Title: id}
}

func profilePayload(p *profiles.Profile, err error) (*model.ProfilePayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.ProfilePayload{Profile: p}, nil
}

func whatIfRequest(in model.WhatIfInput) (enrollment.WhatIfRequest, error) {
	request, err := csrRequest(model.IssueCertificateInput{CaID: in.CaID, ProfileID: in.ProfileID, Csr: value(in.Csr), Subject: in.Subject,
		SubjectAlternativeNames: in.SubjectAlternativeNames, NotAfter: in.NotAfter, Extensions: in.Extensions, EndEntity: in.EndEntity})
	if request.CSR != "" {
		return enrollment.WhatIfRequest{Request: request.Request()}, err
	}
	request.Extensions = nil // the service makes the whole of it
	w := enrollment.WhatIfRequest{Request: request.WithoutKey(), KeyType: value(in.KeyType)}
	if w.KeyType == "" {
		w.Read = func() (enrollment.Facts, error) {
			return enrollment.Facts{}, fault.New(
				fault.Invalid, "give a certificate signing request, or the type of the key that the service is to make",
			).At("csr")
		}
	}
	return w, err
}

func whatIf(w *enrollment.WhatIf, err error) (*model.WhatIf, error) {
	if err != nil {
		return nil, err
	}
	out := &model.WhatIf{
		Issued: w.Refusal == nil, Refusal: refusal(w.Refusal), Decisions: pointers(w.Decisions), Lint: pointers(w.Findings),
	}
	if w.Profile != nil {
		out.ProfileVersion = w.Profile.Version
	}
	if w.Refusal != nil {
		return out, nil
	}
	out.Tbs = when(true, base64.StdEncoding.EncodeToString(w.TBS))
	out.Certificate, err = details(w.DER)
	return out, err
}

func refusal(f *fault.Error) *model.WhatIfRefusal {
	if f == nil {
		return nil
	}
	return &model.WhatIfRefusal{Code: string(f.Kind), Message: f.Message, Field: f.Field, Rule: f.Rule, Action: f.Action}
}

func replay(r *enrollment.Replay, err error) (*model.ProfileReplay, error) {
	if err != nil {
		return nil, err
	}
	out := &model.ProfileReplay{
		Requests: r.Requests, More: r.More, Same: r.Same, Changed: r.Changed, Refused: r.Refused, Rules: []*model.RefusalCount{},
		Examples: []*model.ReplayExample{},
	}
	for _, rule := range slices.Sorted(maps.Keys(r.Rules)) {
		out.Rules = append(out.Rules, &model.RefusalCount{Rule: rule, Count: r.Rules[rule]})
	}
	slices.SortStableFunc(out.Rules, func(a, b *model.RefusalCount) int { return cmp.Compare(b.Count, a.Count) })
	for _, e := range r.Examples {
		out.Examples = append(
			out.Examples, &model.ReplayExample{Certificate: e.Certificate, Refusal: refusal(e.Refusal), Changes: list(e.Changes)},
		)
	}
	return out, nil
}

// story puts what is recorded beside what the certificate says.
func (r *Resolver) story(ctx context.Context, c *certificate.Certificate) (*model.CertificateStory, error) {
	events, err := r.Certificates.Events(ctx, c)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	d, err := details(c.DER)
	if err != nil {
		return nil, err
	}
	out := &model.CertificateStory{
		ActorName: c.RequestedBy, Events: list(events), CrlUrls: d.CrlDistributionPoints, OcspUrls: d.AuthorityInfoAccessOcsp,
		CaIssuersUrls: d.AuthorityInfoAccessCaIssuers,
		Decisions:     pointers([]profile.Decision(nil)), Changes: []*model.StoryChange{}}
	s := c.Story
	if s == nil {
		return out, nil
	}
	out.Recorded, out.Protocol, out.ActorKind, out.ActorName, out.IPAddress, out.RequestID = true, s.Protocol, s.ActorKind, s.ActorName,
		s.IPAddress, s.RequestID
	out.Decisions = pointers(s.Decisions)
	out.Asked = &model.StoryRequest{
		Subject: s.Asked.Subject, SubjectAlternativeNames: []*model.SubjectAlternativeName{}, Extensions: []*model.UsageName{},
		ServerSideKey: s.Asked.ServerSideKey,
	}
	for _, n := range s.Asked.SANs {
		out.Asked.SubjectAlternativeNames = append(
			out.Asked.SubjectAlternativeNames, &model.SubjectAlternativeName{Type: n.Type, Value: n.Value},
		)
	}
	for _, e := range s.Asked.Extensions {
		out.Asked.Extensions = append(out.Asked.Extensions, &model.UsageName{Oid: e.OID, Name: profile.UsageName(e.OID)})
	}
	if end, err := time.Parse(time.RFC3339, s.Asked.NotAfter); err == nil {
		out.Asked.NotAfter = &end
	}
	out.Changes = storyChanges(s, d)
	if s.ApprovalID != "" {
		out.Approval, err = r.ApprovalService.Get(ctx, s.ApprovalID)
		if fault.Is(err, fault.Forbidden) {
			out.Approval, err = nil, nil
		}
	}
	return out, err
}

// storyChanges is what was asked for and came out differently: names and the end. What became of extensions stands in
// the decisions.
func storyChanges(s *certificate.Story, d *model.CertificateDetails) []*model.StoryChange {
	changes := []*model.StoryChange{}
	add := func(what, asked, issued string) {
		if asked != issued {
			changes = append(changes, &model.StoryChange{What: what, Asked: asked, Issued: issued})
		}
	}
	add("subject", s.Asked.Subject, d.Subject)
	var issued []san.GeneralName
	for _, n := range d.SubjectAlternativeNames {
		issued = append(issued, san.GeneralName{Type: n.Type, Value: n.Value})
	}
	add("subjectAlternativeNames", names(s.Asked.SANs), names(issued))
	if s.Asked.NotAfter != "" {
		add("notAfter", s.Asked.NotAfter, d.NotAfter.UTC().Format(time.RFC3339))
	}
	return changes
}

func names(list []san.GeneralName) string {
	values := make([]string, len(list))
	for n, g := range list {
		values[n] = g.Value
	}
	return strings.Join(values, ", ")
}
