package status

import (
	"bytes"
	"context"
	"crypto/sha1" // RFC 6960 4.2.1: KeyHash is SHA-1, an identifier here
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

const (
	// answerValidity is the time between thisUpdate and nextUpdate.
	answerValidity = time.Hour
	// answerReuse is how old an answer without a nonce becomes before it is made anew behind the scenes.
	answerReuse = 10 * time.Minute
	// answerLast is how old it may be when that did not happen: then the one who asks waits for a signature.
	answerLast = 30 * time.Minute
	// stale is how long a server may not have asked whether a status changed.
	stale = time.Second
	// refreshEvery is how often it asks, and looks for answers to make anew, before anybody waits for it.
	refreshEvery = 500 * time.Millisecond
	// idle is how long after the last request that goes on.
	idle = time.Minute
	// keptAnswers and keptStandings bound the memory of one CA's answers.
	keptAnswers, keptStandings = 50_000, 200_000
)

// Answer is an OCSP response and how long caches may keep it.
type Answer struct {
	DER        []byte
	ThisUpdate time.Time
	NextUpdate time.Time
	Cacheable  bool   // no nonce, and nothing unknown
	ETag       string // of a cacheable one, with its quotes

	made time.Time // by the clock of the server
}

// since is how long ago an instant was. One that lies ahead, because the clock was put back, was long ago: whatever is
// done when time has passed is done at once.
func since(now, then time.Time) time.Duration {
	if d := now.Sub(then); d >= 0 {
		return d
	}
	return math.MaxInt64
}

// kept is an answer that is given again.
type kept struct {
	request *ocsp.Request
	answer  atomic.Pointer[Answer]
	asked   atomic.Bool // since it was made
}

// standing is what the inventory says of a certificate.
type standing struct {
	status    certificate.Status
	revokedAt time.Time
	reason    int
}

// responder is a CA's OCSP service as of one status version.
type responder struct {
	ca        *ca.CertificationAuthority
	issuer    *ocsp.Issuer
	hash      []byte // of the signer's key
	checked   atomic.Int64
	used      atomic.Int64
	answers   sync.Map // request DER → *kept
	kept      atomic.Int64
	standings sync.Map // serial number → standing
	known     atomic.Int64
}

type responders struct {
	byName sync.Map // partition/identifier → *responder
	mu     sync.Mutex
}

// OCSP answers a request about certificates of a CA, to anyone. What is wrong with the request or with us becomes an
// OCSP error status (RFC 6960 4.2.1), never a Go error.
func (s *Service) OCSP(ctx context.Context, partitionID, identifier string, request []byte) *Answer {
	r, err := s.responder(ctx, partitionID, identifier)
	if fault.Is(err, fault.NotFound) {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.Unauthorized)}
	}
	if err != nil {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.TryLater)}
	}
	now := s.Now()
	found, had := r.answers.Load(string(request))
	if had {
		k := found.(*kept)
		k.asked.Store(true)
		if a := k.answer.Load(); since(now, a.made) < answerLast {
			return a
		}
	}
	parsed, err := ocsp.ParseRequest(request)
	if err != nil {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.MalformedRequest)}
	}
	if parsed.Verify() != nil {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.Unauthorized)}
	}
	a, err := s.answer(ctx, r, parsed, now)
	if err != nil {
		// A key that cannot be used now does not make the last answer less true: its status version is the present one.
		if had {
			if a := found.(*kept).answer.Load(); now.Before(a.NextUpdate) {
				return a
			}
		}
		return &Answer{DER: ocsp.ErrorResponse(ocsp.TryLater)}
	}
	if a.Cacheable {
		r.keep(string(request), parsed, a)
	}
	return a
}

func (r *responder) keep(request string, parsed *ocsp.Request, a *Answer) {
	if found, had := r.answers.Load(request); had {
		found.(*kept).answer.Store(a)
		return
	}
	if r.kept.Load() >= keptAnswers {
		return
	}
	k := &kept{request: parsed}
	k.answer.Store(a)
	if _, had := r.answers.LoadOrStore(request, k); !had {
		r.kept.Add(1)
	}
}

func (s *Service) answer(ctx context.Context, r *responder, request *ocsp.Request, now time.Time) (*Answer, error) {
	found, err := s.standings(ctx, r, request)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.Unauthorized)}, nil
	}
	a := &Answer{ThisUpdate: now.Truncate(time.Second), Cacheable: request.Nonce == nil, made: now}
	for _, c := range found {
		// An answer is not older than the revocation that it tells, whatever the clock says.
		if at := c.revokedAt.Truncate(time.Second); at.After(a.ThisUpdate) {
			a.ThisUpdate = at
		}
	}
	a.NextUpdate = a.ThisUpdate.Add(answerValidity)
	response := ocsp.Response{ResponderKeyHash: r.hash, ProducedAt: a.ThisUpdate, Nonce: request.Nonce, Certificates: [][]byte{r.ca.OCSPCertificate}}
	for n, id := range request.CertIDs {
		single := ocsp.SingleResponse{CertID: id, Status: ocsp.Unknown, Reason: -1, ThisUpdate: a.ThisUpdate, NextUpdate: a.NextUpdate, ArchiveCutoff: *r.ca.NotBefore}
		switch c := found[n]; c.status {
		case "":
			a.Cacheable = false // it may be issued any moment
		case certificate.Issued:
			single.Status = ocsp.Good
		default:
			single.Status, single.RevokedAt, single.Reason = ocsp.Revoked, c.revokedAt, c.reason
		}
		response.Responses = append(response.Responses, single)
	}
	signer, err := s.Keys.Open(ctx, r.ca.OCSPKeyStore, r.ca.OCSPKeyID)
	if err != nil {
		return nil, err
	}
	if a.DER, err = ocsp.SignResponse(ctx, response, signer); err != nil {
		return nil, err
	}
	if a.Cacheable {
		hash := sha256.Sum256(a.DER)
		a.ETag = `"` + hex.EncodeToString(hash[:20]) + `"`
	}
	return a, nil
}

// standings says how each certificate of a request stands, the zero value where it is not one of the CA; nil when none
// is.
func (s *Service) standings(ctx context.Context, r *responder, request *ocsp.Request) ([]standing, error) {
	found := make([]standing, len(request.CertIDs))
	ours, unread := false, map[string][]int{}
	for n, id := range request.CertIDs {
		if !r.issuer.Issued(id) {
			continue
		}
		ours = true
		serial := serialOf(id)
		if known, ok := r.standings.Load(serial); ok {
			found[n] = known.(standing)
		} else {
			unread[serial] = append(unread[serial], n)
		}
	}
	if !ours {
		return nil, nil
	}
	if len(unread) == 0 {
		return found, nil
	}
	var rows []*certificate.Certificate
	if err := s.Store.DB(ctx).Select("serial_number", "status", "revoked_at", "revocation_reason").
		Where("ca_id = ? AND serial_number IN ? AND key_generation = ?", r.ca.ID, slices.Collect(maps.Keys(unread)), r.ca.KeyGeneration).Find(&rows).Error; err != nil {
		return nil, err
	}
	learn := func(serial string, known standing) {
		for _, n := range unread[serial] {
			found[n] = known
		}
		delete(unread, serial)
		if r.known.Load() < keptStandings {
			if _, had := r.standings.LoadOrStore(serial, known); !had {
				r.known.Add(1)
			}
		}
	}
	for _, c := range rows {
		known := standing{status: c.Status, reason: int(c.RevocationReason)}
		if c.RevokedAt != nil {
			known.revokedAt = c.RevokedAt.UTC()
		}
		learn(c.SerialNumber, known)
	}
	if len(unread) == 0 {
		return found, nil
	}
	adopted, err := s.adopted(ctx, "ca_id = ? AND serial_number IN ?", r.ca.ID, slices.Collect(maps.Keys(unread)))
	for _, a := range adopted {
		status := certificate.Revoked
		if a.entry.Reason == int(certificate.CertificateHold) {
			status = certificate.Suspended
		}
		learn(hex.EncodeToString(a.entry.SerialNumber), standing{status: status, revokedAt: a.entry.RevokedAt, reason: a.entry.Reason})
	}
	return found, err
}

func serialOf(id ocsp.CertID) string { return hex.EncodeToString(trimmed(id.SerialNumber)) }

// trimmed drops the sign octet of a DER integer: serial numbers are kept as the positive number they are.
func trimmed(serial []byte) []byte {
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	return serial
}

// responder returns the CA's OCSP service, not older than `stale`.
func (s *Service) responder(ctx context.Context, partitionID, identifier string) (*responder, error) {
	name := partitionID + "/" + identifier
	now := s.Now().UnixNano()
	if found, ok := s.responders.byName.Load(name); ok {
		r := found.(*responder)
		if now-r.used.Load() > int64(idle)/2 {
			r.used.Store(now)
		}
		last := r.checked.Load()
		// Should Refresh be late, one request pays for the question; the others go on meanwhile. A question that was asked
		// in the future was asked by a clock that has been put back since.
		if ago := now - last; ago >= 0 && ago < int64(stale) || !r.checked.CompareAndSwap(last, now) {
			return r, nil
		}
	}
	return s.current(ctx, name)
}

// current asks the database for the CA's status version, and makes its service anew when that has grown.
func (s *Service) current(ctx context.Context, name string) (*responder, error) {
	s.responders.mu.Lock()
	defer s.responders.mu.Unlock()
	now := s.Now()
	partitionID, identifier, _ := strings.Cut(name, "/")
	c, err := s.CAs.Lookup(ctx, partitionID, identifier)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			s.responders.byName.Delete(name)
		}
		return nil, err
	}
	found, had := s.responders.byName.Load(name)
	if had {
		if r := found.(*responder); r.ca.ID == c.ID && r.ca.StatusVersion == c.StatusVersion {
			r.checked.Store(now.UnixNano())
			return r, nil
		}
	}
	r, err := newResponder(c)
	if err != nil {
		return nil, err
	}
	r.checked.Store(now.UnixNano())
	r.used.Store(now.UnixNano())
	if had {
		if err := s.carry(ctx, found.(*responder), r); err != nil {
			return nil, err
		}
	}
	s.responders.byName.Store(name, r)
	return r, nil
}

// carry takes over what is known of certificates whose status has not changed, so that one revocation does not cost
// thousands of signatures.
func (s *Service) carry(ctx context.Context, old, r *responder) error {
	if old.ca.ID != r.ca.ID || old.ca.StatusVersion > r.ca.StatusVersion || !bytes.Equal(old.ca.OCSPCertificate, r.ca.OCSPCertificate) || !bytes.Equal(old.ca.Certificate, r.ca.Certificate) {
		return nil
	}
	r.used.Store(old.used.Load())
	changed := map[string]bool{}
	for _, table := range []string{"certificates", "adopted_revocations"} {
		var serials []string
		// The first comparison is for the index.
		if err := s.Store.DB(ctx).Table(table).Where("ca_id = ? AND status_version > 0 AND status_version > ?", r.ca.ID, old.ca.StatusVersion).Limit(keptStandings+1).Pluck("serial_number", &serials).Error; err != nil {
			return err
		}
		if len(serials) > keptStandings {
			return nil // so many that it is cheaper to begin anew
		}
		for _, serial := range serials {
			changed[serial] = true
		}
	}
	for serial, known := range old.standings.Range {
		if !changed[serial.(string)] {
			r.standings.Store(serial, known)
			r.known.Add(1)
		}
	}
	for request, found := range old.answers.Range {
		k := found.(*kept)
		if !slices.ContainsFunc(k.request.CertIDs, func(id ocsp.CertID) bool { return changed[serialOf(id)] }) {
			r.answers.Store(request, k)
			r.kept.Add(1)
		}
	}
	return nil
}

// Forget forgets all answers, as a start does.
func (s *Service) Forget() { s.responders.byName.Clear() }

// Refresh keeps the OCSP answers that are asked for fresh, until ctx ends: nobody who asks for one waits for the
// database or for a signature.
func (s *Service) Refresh(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.refreshAll(ctx)
		}
	}
}

func (s *Service) refreshAll(ctx context.Context) {
	for name, found := range s.responders.byName.Range {
		r := found.(*responder)
		now := s.Now()
		if now.UnixNano()-r.used.Load() > int64(idle) {
			if now.UnixNano()-r.used.Load() > int64(answerValidity) {
				s.responders.byName.CompareAndDelete(name, r)
			}
			continue
		}
		r, err := s.current(ctx, name.(string))
		if err != nil {
			continue // whoever asks next is told
		}
		for request, found := range r.answers.Range {
			k, now := found.(*kept), s.Now()
			age := since(now, k.answer.Load().made)
			switch {
			case age >= answerReuse && k.asked.Load():
				a, err := s.answer(ctx, r, k.request, now)
				if err != nil || !a.Cacheable {
					continue
				}
				k.asked.Store(false)
				k.answer.Store(a)
			case age >= answerLast:
				r.answers.Delete(request)
				r.kept.Add(-1)
			}
			// Other CAs, and changes of this one, are not to wait for a long list.
			if now.UnixNano()-r.checked.Load() > int64(refreshEvery) {
				break
			}
		}
	}
}

func newResponder(c *ca.CertificationAuthority) (*responder, error) {
	if !c.OCSPEnabled || c.OCSPCertificate == nil {
		return nil, fault.New(fault.NotFound, "%s has no OCSP service", c.Identifier)
	}
	bits, err := keyBits(c.Certificate)
	if err != nil {
		return nil, err
	}
	signerBits, err := keyBits(c.OCSPCertificate)
	if err != nil {
		return nil, err
	}
	hash := sha1.Sum(signerBits)
	return &responder{ca: c, issuer: ocsp.NewIssuer(c.SubjectDER, bits), hash: hash[:]}, nil
}

func keyBits(certificate []byte) ([]byte, error) {
	d, err := issuance.Inspect(certificate)
	if err != nil {
		return nil, err
	}
	return ocsp.KeyBits(d.PublicKey)
}
