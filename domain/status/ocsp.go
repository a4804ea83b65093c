package status

import (
	"context"
	"crypto/sha1" // RFC 6960 4.2.1: KeyHash is SHA-1, an identifier here
	"encoding/hex"
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
	// answerReuse is how long an answer without a nonce is given again.
	answerReuse = 10 * time.Minute
	// stale is how long a server may not have asked whether a status changed.
	stale = time.Second
	// keptAnswers bounds the memory of one CA's answers.
	keptAnswers = 50_000
)

// Answer is an OCSP response and how long caches may keep it.
type Answer struct {
	DER        []byte
	ThisUpdate time.Time
	NextUpdate time.Time
	Cacheable  bool // no nonce, and nothing unknown
}

// responder is a CA's OCSP service as of one status version.
type responder struct {
	ca      *ca.CertificationAuthority
	keyBits []byte
	hash    []byte // of the signer's key
	checked atomic.Int64
	answers sync.Map // request DER → *Answer
	kept    atomic.Int64
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
	if kept, ok := r.answers.Load(string(request)); ok {
		if a := kept.(*Answer); now.Sub(a.ThisUpdate) < answerReuse {
			return a
		}
	}
	parsed, err := ocsp.ParseRequest(request)
	if err != nil {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.MalformedRequest)}
	}
	a, err := s.answer(ctx, r, parsed, now)
	if err != nil {
		// A key that cannot be used now does not make the last answer less true: its status version is the present one.
		if kept, ok := r.answers.Load(string(request)); ok && now.Before(kept.(*Answer).NextUpdate) {
			return kept.(*Answer)
		}
		return &Answer{DER: ocsp.ErrorResponse(ocsp.TryLater)}
	}
	if a.Cacheable {
		if _, had := r.answers.Load(string(request)); had || r.kept.Add(1) <= keptAnswers {
			r.answers.Store(string(request), a)
		}
	}
	return a
}

func (s *Service) answer(ctx context.Context, r *responder, request *ocsp.Request, now time.Time) (*Answer, error) {
	var serials []string
	for _, id := range request.CertIDs {
		if id.MatchesIssuer(r.ca.SubjectDER, r.keyBits) {
			serials = append(serials, serialOf(id))
		}
	}
	if len(serials) == 0 {
		return &Answer{DER: ocsp.ErrorResponse(ocsp.Unauthorized)}, nil
	}
	found := map[string]*certificate.Certificate{}
	var rows []*certificate.Certificate
	if err := s.Store.DB(ctx).Select("serial_number", "status", "revoked_at", "revocation_reason").
		Where("ca_id = ? AND serial_number IN ? AND key_generation = ?", r.ca.ID, serials, r.ca.KeyGeneration).Find(&rows).Error; err != nil {
		return nil, err
	}
	for _, c := range rows {
		found[c.SerialNumber] = c
	}
	a := &Answer{ThisUpdate: now.Truncate(time.Second), NextUpdate: now.Truncate(time.Second).Add(answerValidity), Cacheable: request.Nonce == nil}
	response := ocsp.Response{ResponderKeyHash: r.hash, ProducedAt: a.ThisUpdate, Nonce: request.Nonce, Certificates: [][]byte{r.ca.OCSPCertificate}}
	for _, id := range request.CertIDs {
		single := ocsp.SingleResponse{CertID: id, Status: ocsp.Unknown, Reason: -1, ThisUpdate: a.ThisUpdate, NextUpdate: a.NextUpdate, ArchiveCutoff: *r.ca.NotBefore}
		c := found[serialOf(id)]
		switch {
		case c == nil || !id.MatchesIssuer(r.ca.SubjectDER, r.keyBits):
			a.Cacheable = false // it may be issued any moment
		case c.Status == certificate.Issued:
			single.Status = ocsp.Good
		default:
			single.Status, single.RevokedAt, single.Reason = ocsp.Revoked, c.RevokedAt.UTC(), int(c.RevocationReason)
		}
		response.Responses = append(response.Responses, single)
	}
	signer, err := s.Keys.Open(ctx, r.ca.OCSPKeyStore, r.ca.OCSPKeyID)
	if err != nil {
		return nil, err
	}
	a.DER, err = ocsp.SignResponse(ctx, response, signer)
	return a, err
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
	if kept, ok := s.responders.byName.Load(name); ok {
		r := kept.(*responder)
		last := r.checked.Load()
		// One request a second pays for the question; the others go on meanwhile.
		if now-last < int64(stale) || !r.checked.CompareAndSwap(last, now) {
			return r, nil
		}
	}
	s.responders.mu.Lock()
	defer s.responders.mu.Unlock()
	c, err := s.CAs.Lookup(ctx, partitionID, identifier)
	if err != nil {
		s.responders.byName.Delete(name)
		return nil, err
	}
	if kept, ok := s.responders.byName.Load(name); ok {
		if r := kept.(*responder); r.ca.ID == c.ID && r.ca.StatusVersion == c.StatusVersion {
			return r, nil
		}
	}
	r, err := s.newResponder(ctx, c)
	if err != nil {
		return nil, err
	}
	r.checked.Store(now)
	s.responders.byName.Store(name, r)
	return r, nil
}

func (s *Service) newResponder(ctx context.Context, c *ca.CertificationAuthority) (*responder, error) {
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
	return &responder{ca: c, keyBits: bits, hash: hash[:]}, nil
}

func keyBits(certificate []byte) ([]byte, error) {
	d, err := issuance.Inspect(certificate)
	if err != nil {
		return nil, err
	}
	return ocsp.KeyBits(d.PublicKey)
}
