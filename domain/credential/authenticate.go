package credential

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const objectKind = "cagw-credential"

// refusedAction is the audit action of a request that was not authenticated or not permitted.
const refusedAction = "cagw.refused"

// holder is the owner of a certificate, and its current rights.
type holder struct {
	certificate *certificate
	credential  *Credential
	grants      []*Grant // on CAs that are not deleted
}

func (h *holder) actor(ip, requestID string) *rbac.Actor {
	a := &rbac.Actor{
		Kind: rbac.CredentialActor, ID: h.credential.ID, Name: "cagw:" + h.credential.Identifier, OwnerID: h.credential.OwnerID,
		Scope: rbac.Scope{Partition: h.credential.PartitionID, Authorities: map[string][]rbac.Role{}}, IPAddress: ip, RequestID: requestID}
	for _, g := range h.grants {
		a.Scope.Authorities[g.CAID] = append(a.Scope.Authorities[g.CAID], g.Role.rbac())
	}
	return a
}

// Authenticate returns the holder of a client certificate, whose private key the client has proved to have in the TLS
// handshake. Only the first certificate of the chain counts: the issuing authority is looked up here. It fails with
// Unauthenticated, and the reason, unless the certificate belongs to a valid credential. Credentials are looked up for
// each request, and concurrent requests share the queries, so a deleted credential is refused at once, even on an open
// connection or after TLS resumption.
func (s *Service) Authenticate(ctx context.Context, chain []*x509.Certificate, ip, requestID string) (*rbac.Actor, error) {
	if len(chain) == 0 {
		return nil, fault.New(fault.Unauthenticated, "A client certificate is required, but none was sent.").Do(
			"Send the certificate of a CA Gateway credential.",
		)
	}
	leaf := chain[0]
	fingerprint := sha256.Sum256(leaf.Raw)
	h, err := s.presented.Do(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if h == nil {
		refusal := fault.New(
			fault.Unauthenticated, "The client certificate does not belong to a CA Gateway credential of this service.",
		).Do(
			"Send the certificate of a credential as it was downloaded here.",
		)
		if !s.strangers.first(ip, now, 100) {
			return nil, refusal
		}
		return nil, s.note(
			ctx, &rbac.Actor{IPAddress: ip, RequestID: requestID}, refusal,
			audit.Event{PartitionID: audit.PlatformChain, ObjectKind: objectKind,
				Details: audit.Details{
					"subject": text.Quote(leaf.Subject.String()), "issuer": text.Quote(leaf.Issuer.String()),
					"fingerprint": hex.EncodeToString(fingerprint[:]),
				}})
	}
	actor := h.actor(ip, requestID)
	refusal, err := s.check(ctx, h, leaf, now)
	if err != nil {
		return nil, err
	}
	if refusal == nil {
		s.used.note(h.credential, ip, now)
		return actor, nil
	}
	if !s.refused.first(string(fingerprint[:]), now, 10_000) {
		return nil, refusal
	}
	return nil, s.note(
		ctx, actor, refusal,
		audit.Event{
			PartitionID: h.credential.PartitionID, ObjectKind: objectKind, ObjectID: h.credential.ID, ObjectName: h.credential.Identifier,
			Details: audit.Details{"serialNumber": h.certificate.SerialNumber}})
}

// check returns why a certificate issued here is not valid now, or nil if it is.
func (s *Service) check(ctx context.Context, h *holder, leaf *x509.Certificate, now time.Time) (refusal *fault.Error, err error) {
	refuse := func(format string, args ...any) (*fault.Error, error) {
		return fault.New(fault.Unauthenticated, format, args...).Do("Create or renew a credential."), nil
	}
	switch c := h.certificate; {
	case h.credential.DeletedAt != nil:
		return refuse("The credential %s has been deleted.", h.credential.Identifier)
	case c.EndsAt != nil && c.EndsAt.Before(c.NotAfter) && !now.Before(*c.EndsAt):
		return refuse(
			"This certificate of the credential %s was replaced by a newer one on %s.", h.credential.Identifier,
			c.EndsAt.Format(time.DateTime),
		)
	case !now.Before(c.NotAfter):
		return refuse("The certificate of the credential %s expired on %s.", h.credential.Identifier, c.NotAfter.Format(time.DateTime))
	}
	if _, ok := s.verified.Load([32]byte(h.certificate.Fingerprint)); ok {
		return nil, nil // a verified signature stays valid
	}
	issuer, err := s.authority(ctx, h.certificate.AuthorityID)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(issuer)
	if _, err := leaf.Verify(
		x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	); err != nil {
		return refuse("The signature of the certificate of the credential %s is invalid.", h.credential.Identifier)
	}
	s.verified.Store([32]byte(h.certificate.Fingerprint), true)
	return nil, nil
}

// authority returns the certificate of an authority. It never changes.
func (s *Service) authority(ctx context.Context, id string) (*x509.Certificate, error) {
	if known, ok := s.authorities.Load(id); ok {
		return known.(*x509.Certificate), nil
	}
	row := &authority{}
	if err := s.Store.DB(ctx).Take(row, "id = ?", id).Error; err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(row.Certificate)
	if err == nil {
		s.authorities.Store(id, parsed)
	}
	return parsed, err
}

// CurrentActor returns the current actor for work that outlives the request that started it. It fails with Unauthenticated
// if the credential is deleted or has no valid certificate.
func (s *Service) CurrentActor(ctx context.Context, id, name string) (*rbac.Actor, error) {
	var presents []*certificate
	if err := s.Store.DB(ctx).Where("credential_id = ? AND ends_at IS NULL", id).Find(&presents).Error; err != nil {
		return nil, err
	}
	if len(presents) > 0 {
		found, err := s.findHolders(ctx, [][32]byte{[32]byte(presents[0].Fingerprint)})
		if err != nil {
			return nil, err
		}
		if h := found[0]; h != nil && h.credential.DeletedAt == nil && s.Now().Before(h.certificate.NotAfter) {
			return h.actor("", ""), nil
		}
	}
	return nil, fault.New(fault.Unauthenticated, "%s is no longer allowed to do this.", name).Do(
		"Ask somebody with this permission to continue.",
	)
}

func (s *Service) findHolders(ctx context.Context, fingerprints [][32]byte) ([]*holder, error) {
	var wanted [][]byte
	for _, f := range fingerprints {
		if !slices.ContainsFunc(wanted, func(w []byte) bool { return [32]byte(w) == f }) {
			wanted = append(wanted, f[:])
		}
	}
	var certificates []*certificate
	if err := s.Store.DB(ctx).Where("fingerprint IN ?", wanted).Find(&certificates).Error; err != nil {
		return nil, err
	}
	found := make([]*holder, len(fingerprints))
	if len(certificates) == 0 {
		return found, nil
	}
	var ids []string
	for _, c := range certificates {
		ids = append(ids, c.CredentialID)
	}
	var credentials []*Credential
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&credentials).Error; err != nil {
		return nil, err
	}
	byID, grants := map[string]*Credential{}, map[string][]*Grant{}
	for _, c := range credentials {
		byID[c.ID] = c
	}
	var rows []*Grant
	if err := s.Store.DB(ctx).Raw(`SELECT r.* FROM credential_roles r JOIN certification_authorities a ON a.id = r.ca_id
		WHERE r.credential_id IN ? AND a.deleted_at IS NULL AND a.purged_at IS NULL`, ids).Scan(&rows).Error; err != nil {
		return nil, err
	}
	for _, g := range rows {
		grants[g.CredentialID] = append(grants[g.CredentialID], g)
	}
	for n, f := range fingerprints {
		for _, c := range certificates {
			if [32]byte(c.Fingerprint) == f {
				found[n] = &holder{certificate: c, credential: byID[c.CredentialID], grants: grants[c.CredentialID]}
			}
		}
	}
	return found, nil
}

const authoritiesPath = "/certificate-authorities/"

// Refused records that a credential was refused: it lacks a permission, or the CA or object does not exist for it. It
// ignores other errors. It returns an error if the refusal could not be recorded.
func (s *Service) Refused(ctx context.Context, actor *rbac.Actor, err error, method, path string) error {
	if actor == nil || actor.Kind != rbac.CredentialActor || !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) &&
		!fault.Is(err, fault.Unauthenticated) {
		return nil
	}
	details := audit.Details{"method": bounded(method), "path": bounded(path)}
	if _, after, ok := strings.Cut(path, authoritiesPath); ok {
		id, _, _ := strings.Cut(after, "/")
		details["caId"] = bounded(id)
	}
	event := audit.Event{
		PartitionID: actor.Scope.Partition, ObjectKind: objectKind, ObjectID: actor.ID,
		ObjectName: strings.TrimPrefix(actor.Name, "cagw:"), Details: details,
	}
	if f := fault.Of(err); fault.Of(s.note(ctx, actor, f, event)) != f {
		return fault.New(fault.Unavailable, "The request was refused, but the refusal could not be recorded.")
	}
	return nil
}

func bounded(s string) string { return strings.ToValidUTF8(s[:min(len(s), 300)], "?") }

// note records a refusal in a transaction of its own, even if the client has disconnected, and returns it; or the error
// that it could not be recorded.
func (s *Service) note(ctx context.Context, actor *rbac.Actor, refusal *fault.Error, e audit.Event) error {
	e.Action, e.Result, e.Summary = refusedAction, audit.Refused, refusal.Message
	e.Details["code"] = string(refusal.Kind)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Patience)
	defer cancel()
	if err := s.Store.Tx(ctx, func(ctx context.Context) error {
		s.Audit.RecordAs(ctx, actor, e)
		return nil
	}); err != nil {
		return audit.Unrecorded(err)
	}
	return refusal
}

// throttle lets one event of a kind pass per minute, for a limited number of kinds, so that refusals cannot fill the
// audit log.
type throttle struct {
	mu    sync.Mutex
	since time.Time
	seen  map[string]bool
}

func (t *throttle) first(key string, now time.Time, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil || now.Sub(t.since) >= time.Minute || now.Before(t.since) {
		t.since, t.seen = now, map[string]bool{}
	}
	if t.seen[key] || len(t.seen) >= most {
		return false
	}
	t.seen[key] = true
	return true
}

// usedCredentials collects when and from where credentials were used, until SaveLastUse saves it.
type usedCredentials struct {
	mu sync.Mutex
	at map[string]use
}

type use struct {
	when time.Time
	ip   string
}

// usedInterval is the precision of LastUsedAt.
const usedInterval = time.Minute

func (u *usedCredentials) note(c *Credential, ip string, now time.Time) {
	if c.LastUsedAt != nil && now.Sub(*c.LastUsedAt) < usedInterval {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]use{}
	}
	u.at[c.ID] = use{now, ip}
}

// SaveLastUse saves when credentials were last used. The server calls it every few seconds and when it stops.
func (s *Service) SaveLastUse(ctx context.Context) error {
	s.used.mu.Lock()
	at := s.used.at
	s.used.at = nil
	s.used.mu.Unlock()
	if len(at) == 0 {
		return nil
	}
	var ids []string
	for id := range at {
		ids = append(ids, id)
	}
	slices.Sort(ids) // always lock in the same order, so that two servers cannot deadlock
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for _, id := range ids {
			if err := s.Store.DB(ctx).Model(&Credential{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", id, at[id].when).
				Updates(map[string]any{"last_used_at": at[id].when, "last_used_ip": at[id].ip}).Error; err != nil {
				return err
			}
		}
		return nil
	})
}
