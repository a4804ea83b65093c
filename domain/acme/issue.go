package acme

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Finalize issues the certificate of an order (RFC 8555 7.4) before it returns: the order is valid in the transaction that
// records the certificate. Where others are to approve that it is processing until they have decided. accountKey is the
// SubjectPublicKeyInfo of the account.
func (e *Engine) Finalize(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, id string, request, accountKey []byte,
) (*Order, error) {
	o, err := e.Order(ctx, a, id)
	if err != nil {
		return nil, err
	}
	digest := sha256Hex(request)
	if o.asked(digest) {
		return o, nil // the answer was lost on its way
	}
	if o.Status != Ready {
		return nil, NewProblem("orderNotReady", "the order is %s, not ready", o.Status)
	}
	key, err := e.usable(a)
	if err != nil {
		return nil, err
	}
	if len(request) == 0 || request[0] != 0x30 { // PEM and base64 are for people
		return nil, NewProblem("badCSR", "csr is not the base64url of a PKCS #10 request in DER (RFC 8555 7.4)")
	}
	parsed, err := csr.Parse(request)
	if err != nil {
		return nil, badCSR(err)
	}
	if slices.Equal(parsed.PublicKey, accountKey) {
		return nil, NewProblem("badCSR", "the key of the certificate must not be that of the account (RFC 8555 11.1)")
	}
	if err := e.checkNames(ctx, o, parsed); err != nil {
		return nil, err
	}
	offering := c.Offering(o.OfferingID)
	if offering == nil {
		return nil, unauthorized("the profile %q is no longer offered here", o.Profile)
	}
	common, err := e.namesDevice(ctx, c, o, offering)
	if err != nil {
		return nil, err
	}
	subject, names, err := subjectOf(o, parsed, common)
	if err != nil {
		return nil, err
	}
	// Whoever made the account's key answers for what it orders.
	actor := *rbac.ActorFrom(ctx)
	actor.OwnerID = key.OwnerID
	ctx = rbac.WithActor(ctx, &actor)
	r := enrollment.Request{CAID: offering.CAID, ProfileID: offering.ProfileID, EndEntity: o.endEntity(),
		Read: func() (enrollment.Facts, error) {
			return intake.Text{Subject: &subject, SANs: names, SANsGiven: true, NotAfter: o.NotAfter}.Of(parsed)
		}}
	issued, err := e.issue(ctx, c, o, Ready, digest, intake.Kept{Request: r})
	if f := fault.Of(err); err != nil && (f.Kind == fault.Conflict && f.Field == "order" || f.Kind == fault.ApprovalNeeded) {
		// It waits now; or the same request came twice, as from a client that heard no answer: both get the certificate.
		if now, failed := e.Order(ctx, a, id); failed == nil && now.asked(digest) {
			return now, nil
		}
	}
	if err != nil {
		return nil, refusal(err)
	}
	o.Status, o.CertificateID = Valid, &issued.Certificate.ID
	return o, nil
}

// asked tells whether the request with this digest was accepted.
func (o *Order) asked(digest string) bool {
	return (o.Status == Valid || o.Status == Processing) && o.CSRSHA256 == digest
}

// issue asks for the certificate of an order that has the status, which it has until the transaction that records the certificate.
func (e *Engine) issue(ctx context.Context, c *protocolconfig.Configuration, o *Order, from Status, digest string,
	asked intake.Kept) (*enrollment.Issued, error) {
	ctx = rbac.WithActor(ctx, rbac.ActorFrom(ctx).By(o.OfferingID))
	r := asked.Request
	r.Waiting = &enrollment.Waiting{Verb: VerbFinalize,
		Payload: func(r enrollment.Request) any { return Finalizing{o.ID, digest, asked.Of(r)} },
		Kept: func(ctx context.Context, kept *approval.Request) error {
			return e.wait(ctx, o, digest, kept)
		}}
	r.Recorded = func(ctx context.Context, made *certificate.Certificate) error {
		if others := o.endEntities()[1:]; len(others) > 0 { // the first is asked where it is enlisted
			if err := e.Enrollment.EndEntities.Check(ctx, c.PartitionID, others...); fault.Is(err, fault.PolicyRefused) {
				return fault.New(fault.Conflict, "%s", err).At("endEntity")
			} else if err != nil {
				return err
			}
		}
		return e.fulfil(ctx, c, o, from, made, digest)
	}
	return e.Enrollment.Issue(ctx, r)
}

// fulfil ends an order in the transaction that records its certificate. Of two requests to finalize one wins.
func (e *Engine) fulfil(ctx context.Context, c *protocolconfig.Configuration, o *Order, from Status, made *certificate.Certificate,
	digest string) error {
	db := e.Store.DB(ctx)
	done := db.Model(&Order{}).Where("id = ? AND status = ?", o.ID, from).
		Updates(map[string]any{"status": Valid, "certificate_id": made.ID, "csr_sha256": digest})
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected == 0 {
		return fault.New(fault.Conflict, "the order was finalized by another request").At("order")
	}
	return e.replaced(ctx, c, o, made)
}

// ready refuses at the beginning what would be refused at the end, whatever the request is.
func (e *Engine) ready(ctx context.Context, o *protocolconfig.Offering, notAfter *time.Time) error {
	err := e.Enrollment.Ready(rbac.WithActor(ctx, rbac.ActorFrom(ctx).By(o.ID)), o.CAID, o.ProfileID, notAfter)
	if f := fault.Of(err); err != nil && f.Kind == fault.Invalid && f.Field != "notAfter" {
		return unauthorized("%s", f.Message) // nothing that the client wrote
	}
	return refusal(err)
}

func badCSR(err error) *Problem { return NewProblem("badCSR", "%s", fault.Of(err).Message) }

// refusal turns what the enrollment says into the protocol's words. The order stays ready.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	switch f.Kind {
	case fault.Invalid:
		if f.Field == "notAfter" { // which the order says, not the request
			return malformed("%s", f.Message)
		}
		return badCSR(err)
	case fault.PolicyRefused:
		if f.Field == "endEntity" || f.Field == "profileId" || f.Field == "caId" || errors.Is(err, approval.ErrNobody) {
			return unauthorized("%s", f.Message)
		}
		return badCSR(err)
	case fault.Conflict:
		switch {
		case errors.Is(err, ca.ErrDisabled):
			return Paused(f.Message)
		case f.Field == "endEntity":
			return unauthorized("%s", f.Message)
		case f.Field == "order":
			return NewProblem("orderNotReady", "%s", f.Message)
		}
	}
	return err
}

// checkNames: the request must ask for exactly the names of the order (RFC 8555 7.4), and with an attested key where one was.
func (e *Engine) checkNames(ctx context.Context, o *Order, r *csr.Request) error {
	asked := map[Identifier]bool{}
	devices := o.forDevice()
	add := func(id Identifier) error {
		normal, problem := id.normal()
		if problem != nil {
			return NewProblem("badCSR", "the request names %s: %s", truncate(id.Value), problem.Detail)
		}
		asked[normal] = true
		return nil
	}
	for _, name := range r.SANs {
		id := Identifier{Value: name.Value}
		switch name.Type {
		case san.DNSName:
			id.Type = DNS
		case san.IPAddress:
			id.Type = IP
		default:
			if devices {
				continue // what names the device is written by the order, not by the request
			}
			return NewProblem("badCSR", "the request has a subject alternative name that is neither a host name nor an address")
		}
		if err := add(id); err != nil {
			return err
		}
	}
	if cn := r.Subject.CommonName(); cn != "" && !devices {
		id := Identifier{DNS, cn}
		if _, err := netip.ParseAddr(cn); err == nil {
			id.Type = IP
		}
		if err := add(id); err != nil {
			return err
		}
	}
	for _, id := range o.Identifiers {
		if devices && (id.Type == PermanentIdentifier || id.Type == HardwareModule) {
			continue
		}
		if !asked[id] {
			return NewProblem("badCSR", "the request does not name %s, which the order is for", truncate(id.Value))
		}
		delete(asked, id)
	}
	for id := range asked {
		return NewProblem("badCSR", "the request names %s, which the order is not for", truncate(id.Value))
	}
	if !devices {
		return nil
	}
	var keys []string
	if err := e.Store.DB(ctx).Model(&Authorization{}).Where(
		"id IN ? AND attested_key <> ''", o.Authorizations,
	).Pluck("attested_key", &keys).Error; err != nil {
		return err
	}
	for _, k := range keys {
		if k != sha256Hex(r.PublicKey) {
			return NewProblem("badCSR", "the key of the request is not the one that the device attested")
		}
	}
	return nil
}

// forDevice tells whether the order names a device, and is proved by what the device attests.
func (o *Order) forDevice() bool {
	return slices.ContainsFunc(
		o.Identifiers, func(id Identifier) bool { return id.Type == PermanentIdentifier || id.Type == HardwareModule },
	)
}

// endEntity is whom an order's certificate is for: the first name that the client gave.
func (o *Order) endEntity() string { return o.endEntities()[0] }

// endEntities are all whom the order names. None of them may be deactivated.
func (o *Order) endEntities() []string {
	var list []string
	for _, id := range o.Identifiers {
		list = append(list, strings.TrimPrefix(id.Value, "*."))
	}
	return list
}

const maxCommonName = 64 // RFC 5280 A.1, ub-common-name

// namesDevice tells whether a device's identifier may be the common name: not where the profile makes a host name of that, which
// nobody has proved.
func (e *Engine) namesDevice(
	ctx context.Context, c *protocolconfig.Configuration, o *Order, offering *protocolconfig.Offering,
) (bool, error) {
	if !o.forDevice() {
		return true, nil
	}
	found, err := e.Enrollment.Profiles.Find(ctx, c.PartitionID, []string{offering.ProfileID})
	if err != nil {
		return false, err
	}
	p := found[offering.ProfileID]
	return p != nil && !p.CopiesCommonNameToSAN, nil
}

// subjectOf is what the certificate says: the common name that the request has, else the first name that fits in one; of those of
// devices only where they may.
func subjectOf(o *Order, r *csr.Request, devices bool) (string, []intake.AlternativeName, error) {
	cn := strings.ToLower(r.Subject.CommonName()) // checkNames has seen that the order is for it
	if o.forDevice() {
		cn = "" // of a device's request only the key is proved
	}
	var names []intake.AlternativeName
	for _, id := range o.Identifiers {
		name := intake.AlternativeName{Type: san.DNSName, Value: id.Value}
		switch id.Type {
		case IP:
			name.Type = san.IPAddress
		case PermanentIdentifier, HardwareModule:
			g, err := id.device()
			if err != nil {
				return "", nil, err
			}
			name = intake.AlternativeName{Type: g.Type, Value: g.Value}
		}
		names = append(names, name)
		if cn == "" && len(id.Value) <= maxCommonName && (devices || id.Type == DNS || id.Type == IP) {
			cn = id.Value
		}
	}
	if cn == "" || len(cn) > maxCommonName {
		return "", names, nil
	}
	return "CN=" + escape.Replace(cn), names, nil
}

// device is the alternative name of a device's identifier.
func (id Identifier) device() (san.GeneralName, error) {
	if id.Type == HardwareModule {
		h, err := san.ParseHardwareModule(id.Value, "identifiers")
		if err != nil {
			return san.GeneralName{}, err
		}
		return h.GeneralName()
	}
	p, err := san.ParsePermanentIdentifier(id.Value, "identifiers")
	if err != nil {
		return san.GeneralName{}, err
	}
	return p.GeneralName()
}

// escape: RFC 4514 2.4.
var escape = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `;`, `\;`, `<`, `\<`, `>`, `\>`, `#`, `\#`, `=`, `\=`)

// Chains are those of an order's certificate, the usual one first, without the root: RFC 8555 7.4.2.
func (e *Engine) Chains(ctx context.Context, a *Account, certificateID string) ([][][]byte, error) {
	var n int64
	if err := e.Store.DB(ctx).Model(&Order{}).Where(
		"certificate_id = ? AND account_id = ?", certificateID, a.ID,
	).Count(&n).Error; err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, malformed("there is no such certificate of this account").With(404)
	}
	made, err := e.Certificates.Get(ctx, certificateID)
	if err != nil {
		return nil, err
	}
	above, err := e.above(ctx, made.CAID, made.KeyGeneration)
	if err != nil {
		return nil, err
	}
	chains := make([][][]byte, len(above))
	for i := range above {
		chains[i] = append([][]byte{made.DER}, above[i]...)
	}
	return chains, nil
}

type issuerKey struct {
	id         string
	generation int64
}

// above are the chains of the key of a CA, without the root.
func (e *Engine) above(ctx context.Context, id string, generation int64) ([][][]byte, error) {
	return e.chains.Get(issuerKey{id, generation}, e.Now(), func() ([][][]byte, bool, error) {
		issuer, err := e.CAs.Generation(ctx, id, generation)
		if err != nil {
			return nil, false, err
		}
		chains, err := e.CAs.Chains(ctx, issuer)
		for i := range chains {
			chains[i] = withoutRoot(chains[i])
		}
		return chains, true, err
	})
}

func withoutRoot(chain [][]byte) [][]byte {
	if len(chain) == 0 {
		return chain
	}
	if d, err := issuance.Inspect(chain[len(chain)-1]); err == nil && len(chain) > 0 && slices.Equal(d.Issuer, d.Subject) {
		return chain[:len(chain)-1]
	}
	return chain
}

// Revoke: RFC 8555 7.6. Either account is who asks, or byKey tells that the request was signed with the certificate's own key.
func (e *Engine) Revoke(ctx context.Context, c *protocolconfig.Configuration, der []byte, reason *int, a *Account, spki []byte) error {
	d, err := issuance.Inspect(der)
	if err != nil {
		return malformed("this is not a certificate")
	}
	found, err := e.issued(ctx, c, d.SerialNumber, func(made *certificate.Certificate) bool { return slices.Equal(made.DER, der) })
	if err != nil {
		return err
	}
	if found == nil {
		return unauthorized("this certificate was not issued here")
	}
	if a != nil {
		if err := e.mayRevoke(ctx, a, found, d); err != nil {
			return err
		}
	} else if !slices.Equal(d.PublicKey, spki) {
		return unauthorized("the request is signed neither by an account nor with the key of the certificate")
	}
	code := certificate.Unspecified
	if reason != nil {
		code = certificate.Reason(*reason)
		// Suspension and its end are not the client's, and CA compromise is not this certificate's.
		if _, ok := certificate.ReasonNames[code]; !ok || code == certificate.CACompromise || code == certificate.AACompromise {
			return NewProblem("badRevocationReason", "the reason %d is not one of 0, 1, 3, 4, 5 and 9", *reason)
		}
	}
	if found.Status == certificate.Revoked {
		return NewProblem("alreadyRevoked", "this certificate is revoked already")
	}
	_, err = e.Certificates.Revoke(ctx, found.ID, code, nil)
	if fault.Is(err, fault.Conflict) {
		return NewProblem("alreadyRevoked", "this certificate is revoked already")
	}
	return err
}

// mayRevoke: the account that ordered it, or one that has proved all its names.
func (e *Engine) mayRevoke(ctx context.Context, a *Account, made *certificate.Certificate, d *issuance.Details) error {
	var orders []*Order
	if err := e.Store.DB(ctx).Find(&orders, "certificate_id = ?", made.ID).Error; err != nil {
		return err
	}
	if len(orders) > 0 && orders[0].AccountID == a.ID {
		return nil
	}
	if len(orders) == 0 {
		return unauthorized("this certificate was not ordered by ACME")
	}
	if a.key != nil && a.key.WithoutBinding { // which anybody's account may be
		return unauthorized("this account did not order the certificate")
	}
	for _, id := range orders[0].Identifiers {
		value, wildcard := strings.CutPrefix(id.Value, "*.")
		var n int64
		if err := e.Store.DB(ctx).Model(&Authorization{}).Where(
			"account_id = ? AND status = ? AND identifier = ? AND identifier_type = ? AND wildcard = ? AND expires_at > ?", a.ID, Valid,
			value, id.Type, id.Type == DNS && wildcard, e.Now(),
		).
			Count(&n).Error; err != nil {
			return err
		}
		if n == 0 {
			return unauthorized("this account neither ordered the certificate nor has proved %s", truncate(id.Value))
		}
	}
	return nil
}

// issued finds a certificate of the configuration by serial number.
func (e *Engine) issued(
	ctx context.Context, c *protocolconfig.Configuration, serial string, is func(*certificate.Certificate) bool,
) (*certificate.Certificate, error) {
	var found []*certificate.Certificate
	if err := e.Store.DB(ctx).Where(
		"ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?) AND serial_number = ? AND configuration_id = ?",
		c.PartitionID, serial, c.ID,
	).Find(&found).Error; err != nil {
		return nil, err
	}
	for _, one := range found {
		if is(one) {
			return one, nil
		}
	}
	return nil, nil
}

// url of an object of a configuration.
func (e *Engine) url(c *protocolconfig.Configuration, path string) string {
	return strings.TrimSuffix(DirectoryURL(e.BaseURL, c), "directory") + path
}
