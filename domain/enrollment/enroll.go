package enrollment

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// order is a certificate to be made, with everything decided but the profile's rules.
type order struct {
	kind      certificate.Kind
	profile   *profiles.Profile
	request   profile.Request
	asked     *Request // nil for the service's own
	endEntity string
	source    string // "": by the kind of actor
	// deliver makes what the caller gets (a PKCS #12) of the certificate, before it is recorded: if it fails, nothing
	// was issued.
	deliver func(i *issuer, der []byte) error
	// recorded is called in the transaction that records the certificate: if it answers with a fault, nothing was issued.
	recorded func(ctx context.Context, c *certificate.Certificate) error
	// many: it is one of many requests, and nobody has looked at each CSR.
	many bool
	// waiting is how the request waits for the approval of others, nil where it cannot.
	waiting *Waiting
}

// sources are the ways of asking that are known by who asks.
var sources = map[rbac.ActorKind]string{
	rbac.UserActor: "console", rbac.TokenActor: "api", rbac.OperatorActor: "console", rbac.System: "system", rbac.CredentialActor: "cagw",
}

// signed is an order carried out, not yet recorded.
type signed struct {
	item      *item
	decisions []profile.Decision
}

// sign applies the profile, builds the exact bytes and has the issuer's key sign them.
func (s *Service) sign(ctx context.Context, i *issuer, o order) (*signed, error) {
	now := s.Now()
	made, _, err := s.prepare(ctx, i, o)
	if err != nil {
		return nil, err
	}
	if err := s.askApproval(ctx, i, o, made); err != nil {
		return nil, err
	}
	template, result := made.template, made.result
	der, err := made.prepared.Sign(ctx, i.key)
	if err != nil {
		return nil, KeyUnavailable(err)
	}
	if o.deliver != nil {
		if err := o.deliver(i, der); err != nil {
			return nil, err
		}
	}
	actor := rbac.ActorFrom(ctx)
	c := &certificate.Certificate{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: i.ca.PartitionID, CAID: i.ca.ID, SerialNumber: serialText(template.SerialNumber),
		Kind: o.kind, ProfileID: o.profile.ID, Subject: o.request.Subject.String(), CommonName: o.request.Subject.CommonName(),
		Status: certificate.Issued, NotBefore: result.NotBefore.UTC(), NotAfter: result.NotAfter.UTC(), DER: der, RequestedBy: actor.Name,
		CreatedAt: now,
		Counted:   o.kind == certificate.Subscriber, ProfileVersion: o.profile.Version, KeyGeneration: i.ca.KeyGeneration,
		CRLShard: made.shard, Story: story(actor, o, result.Decisions),
		PublicKeySHA256: Fingerprint(result.PublicKey), KeyType: o.request.KeyInfo.Type,
		SignatureAlgorithm: algorithm.SignatureName(i.key.Algorithm().SignatureAlgorithm()), Source: sourceOf(actor, o),
	}
	if configuration := actor.Scope.Configuration; configuration != "" {
		c.ConfigurationID = &configuration
	}
	if offering := actor.Scope.Offering(c.CAID, c.ProfileID); offering != nil {
		c.OfferingID = &offering.ID
	}
	sans := make([]string, len(result.SANs))
	for n, name := range result.SANs {
		sans[n] = name.Value
	}
	c.SearchText = strings.ToLower(strings.Join(append([]string{c.Subject, c.SerialNumber}, sans...), " "))
	event := audit.Event{
		PartitionID: i.ca.PartitionID, Action: issueAction(o.kind), ObjectKind: "certificate", ObjectID: c.ID, ObjectName: c.SerialNumber,
		CAID:    c.CAID,
		Summary: "issued certificate " + c.SerialNumber + " to " + c.Subject,
		Details: audit.Details{
			"ca": i.ca.Identifier, "profile": o.profile.ID, "notAfter": c.NotAfter.Format(time.RFC3339), "subjectAlternativeNames": sans,
		},
	}
	if o.profile.Version > 0 {
		event.Details["profileVersion"] = o.profile.Version
	}
	if o.endEntity != "" {
		event.Details["endEntity"] = o.endEntity
	}
	if r := approval.Of(ctx); r != nil {
		c.Story.ApprovalID = r.ID
		event.Details["approval"] = r.ID
	}
	it := &item{
		approved: approval.Of(ctx), certificate: c, endEntity: o.endEntity, recorded: o.recorded, actor: actor, event: event,
		versions: i.versions(),
	}
	if !o.profile.System() {
		it.profiles = map[string]int64{o.profile.UID: o.profile.Version}
	}
	return &signed{item: it, decisions: result.Decisions}, nil
}

// VerbIssue is the verb that an approval carries out: Issue. Its payload is the Request.
const VerbIssue = "certificate.issue"

// askApproval tells whether a certificate for a subscriber may be signed. Everything else is decided by then.
func (s *Service) askApproval(ctx context.Context, i *issuer, o order, m *made) error {
	operation, covered := approval.Issue, i.approval.Covers(o.profile.ID)
	if o.profile.IsCA() && i.creation != nil && (!covered || i.creation.Needed >= i.approval.Needed) {
		operation, covered = approval.CACreate, true
	}
	if o.kind != certificate.Subscriber || !covered {
		return nil
	}
	a := approval.Ask{
		PartitionID: i.ca.PartitionID, Operation: operation, Verb: VerbIssue, ProfileID: o.profile.ID, ObjectKind: "certificate",
		Summary: "issue a certificate to " + o.request.Subject.String(),
		Facts: []approval.Fact{
			{Name: "Subject", Value: o.request.Subject.String()}, {Name: "Profile", Value: o.profile.Name + " (" + o.profile.ID + ")"},
			{Name: "Issuer", Value: i.ca.FriendlyName + " (" + i.ca.Identifier + ")"},
		}}
	if w := o.waiting; w != nil {
		a.Verb, a.Payload, a.Kept = w.Verb, w.Payload(*o.asked), w.Kept
	}
	var names []string
	for _, n := range m.result.SANs {
		names = append(names, n.Value)
	}
	if len(names) > 0 {
		a.Facts = append(a.Facts, approval.Fact{Name: "Alternative names", Value: strings.Join(names, ", ")})
	}
	a.Facts = append(
		a.Facts, approval.Fact{Name: "Valid until", Value: m.result.NotAfter.UTC().Format(time.RFC3339)},
		approval.Fact{Name: "Key", Value: o.request.KeyInfo.Type + ", SHA-256 " + Fingerprint(m.result.PublicKey)},
	)
	if o.endEntity != "" {
		a.Facts = append(a.Facts, approval.Fact{Name: "End entity", Value: o.endEntity})
	}
	return s.Approvals.Ask(ctx, a)
}

// keptValues bounds the values of requested extensions in a story, bytes.
const keptValues = 8 << 10

func story(actor *rbac.Actor, o order, decisions []profile.Decision) *certificate.Story {
	st := &certificate.Story{
		Protocol: sourceOf(actor, o), ActorKind: string(actor.Kind), ActorName: actor.Name, IPAddress: actor.IPAddress,
		RequestID: actor.RequestID, Decisions: decisions,
		Asked: certificate.Asked{
			Subject: o.request.Subject.String(), SANs: o.request.SANs, ServerSideKey: o.request.ServerSideKey,
			MaxValidity: o.request.MaxValidity,
		}}
	if o.request.NotAfter != nil {
		st.Asked.NotAfter = o.request.NotAfter.UTC().Format(time.RFC3339)
	}
	left := keptValues
	for _, e := range o.request.Extensions {
		kept := certificate.AskedExtension{OID: e.ID.String(), Critical: e.Critical}
		if left -= len(e.Value); left >= 0 {
			kept.Value = e.Value
		}
		st.Asked.Extensions = append(st.Asked.Extensions, kept)
	}
	return st
}

func sourceOf(actor *rbac.Actor, o order) string {
	if o.source != "" {
		return o.source
	}
	if actor.Protocol != "" {
		return actor.Protocol
	}
	return sources[actor.Kind]
}

func issueAction(k certificate.Kind) string {
	switch k {
	case certificate.CA:
		return "ca.certify"
	case certificate.OCSPSigner:
		return "ocsp-signer.issue"
	case certificate.Subscriber:
		return "certificate.issue"
	}
	return "delegate.issue"
}

// enroll issues under a CA for a caller: signs, and records in a transaction shared with other callers' certificates.
func (s *Service) enroll(
	ctx context.Context, caID string, decide func(*issuer) (order, error),
) (*certificate.Certificate, []profile.Decision, error) {
	for attempt := 0; ; attempt++ {
		i, fresh, err := s.issuer(ctx, caID)
		if err != nil {
			return nil, nil, err
		}
		done, err := s.attempt(ctx, i, decide)
		if err == nil {
			return done.item.certificate, done.decisions, nil
		}
		// Another server may have changed the CA since it was read: what it signed was not recorded, and what it
		// refused may be allowed by now.
		s.issuers.forget(caID)
		if fresh && !errors.Is(err, ErrStale) || attempt == 3 || errors.Is(err, errRepeated) {
			return nil, nil, err
		}
	}
}

func (s *Service) attempt(ctx context.Context, i *issuer, decide func(*issuer) (order, error)) (*signed, error) {
	if err := i.usable(s.Now()); err != nil {
		return nil, err
	}
	o, err := decide(i)
	if err != nil {
		return nil, err
	}
	done, err := s.sign(ctx, i, o)
	if err != nil {
		return nil, err
	}
	refused, err := s.commits.Do(ctx, done.item)
	if err == nil {
		err = refused
	}
	return done, err
}

// ErrStale: the CA changed between signature and record; see Stale.
var ErrStale = fault.New(
	fault.Conflict, "the certification authority was changed while this certificate was being issued",
).Do("Repeat the request.")

func serialText(serial []byte) string {
	return hex.EncodeToString(serial)
}
