package status

import (
	"bytes"
	"context"
	"crypto/sha1" // RFC 6960 4.2.1: KeyHash is SHA-1, an identifier here
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/delegate"
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
	// unsure is when a server that cannot ask signs no new answers, and only repeats those that still hold.
	unsure = 5 * time.Second
	// refreshEvery is how often it asks, and looks for answers to make anew, before anybody waits for it.
	refreshEvery = 500 * time.Millisecond
	// idle is how long after the last request that goes on.
	idle = time.Minute
	// keepEvery is how often answers are written to the archive.
	keepEvery = 5 * time.Second
	// Bounds of the memory of all CAs together: answers about one certificate and about several in bytes (a stranger can
	// combine certificates at will, which must not drive out the others), and what the inventory says in certificates.
	answerBytes, combinedBytes, keptStandings = 64 << 20, 8 << 20, 200_000
	// answerOverhead is what an answer takes beside its octets, roughly.
	answerOverhead = 600
	// changesAtOnce is how many changes of status are followed one by one.
	changesAtOnce = 20_000
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

// ago is since for instants in nanoseconds.
func ago(now time.Time, then int64) time.Duration { return since(now, time.Unix(0, then)) }

func refusal(status int) *Answer { return &Answer{DER: ocsp.ErrorResponse(status)} }

// kept is an answer that is given again.
type kept struct {
	line    *line
	ids     []ocsp.CertID // in memory of their own
	answer  atomic.Pointer[Answer]
	asked   atomic.Bool // since it was made
	archive [sha256.Size]byte
}

// standing is what the inventory says of a certificate.
type standing struct {
	status    certificate.Status
	revokedAt time.Time
	reason    int
}

// line is what the responders of one CA, which follow each other as its status version grows, have in common: what is
// known of certificates that did not change. Whoever adds to that holds mu for reading, and looks whether the version
// that it has read is still the present one.
type line struct {
	prefix  string // of its keys in the caches
	mu      sync.RWMutex
	version int64
	changed atomic.Bool // since its answers were archived
}

// responder is a CA's OCSP service as of one status version.
type responder struct {
	ca      *ca.CertificationAuthority
	signer  *delegate.Delegate
	issuer  *ocsp.Issuer
	hash    []byte // of the signer's key
	checked atomic.Int64
	sure    atomic.Int64 // when the database last said that this is the present version
	used    atomic.Int64
	line    *line
}

type responders struct {
	byName sync.Map // partition/identifier → *responder; of CAs that exist
	asking singleflight.Group
	lines  atomic.Int64
	once   sync.Once
	// Keys of the caches begin with the line's prefix. What lies in them is bounded over all CAs.
	answers, combined *otter.Cache[string, *kept]
	standings         *otter.Cache[string, standing]
}

func (r *responders) init() {
	r.once.Do(func() {
		bounded := func(bytes uint64) *otter.Cache[string, *kept] {
			return otter.Must(&otter.Options[string, *kept]{MaximumWeight: bytes, Weigher: func(key string, k *kept) uint32 {
				return uint32(len(key) + len(k.answer.Load().DER) + answerOverhead*len(k.ids))
			}})
		}
		r.answers, r.combined = bounded(answerBytes), bounded(combinedBytes)
		r.standings = otter.Must(&otter.Options[string, standing]{MaximumSize: keptStandings})
	})
}

func (r *responders) cache(ids int) *otter.Cache[string, *kept] {
	if ids > 1 {
		return r.combined
	}
	return r.answers
}

// newLine begins without knowledge.
func (r *responders) newLine(version int64) *line {
	var prefix [8]byte
	binary.BigEndian.PutUint64(prefix[:], uint64(r.lines.Add(1)))
	return &line{prefix: string(prefix[:]), version: version}
}

// key is what an answer is kept by: what is asked, in one form.
func (l *line) key(ids []ocsp.CertID) string {
	var room [64]byte
	key := append(room[:0], l.prefix...)
	for _, id := range ids {
		key = id.AppendKey(key)
	}
	return string(key)
}

// OCSP answers a request about certificates of a CA, to anyone. What is wrong with the request or with us becomes an
// OCSP error status (RFC 6960 4.2.1), never a Go error.
func (s *Service) OCSP(ctx context.Context, partitionID, identifier string, request []byte) *Answer {
	s.responders.init()
	parsed, err := ocsp.ParseRequest(request)
	if err != nil {
		return refusal(ocsp.MalformedRequest)
	}
	name := partitionID + "/" + identifier
	r, err := s.responder(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return refusal(ocsp.Unauthorized)
	}
	if err != nil {
		return s.archived(name, parsed)
	}
	own := 0
	for _, id := range parsed.CertIDs {
		if r.issuer.Issued(id) {
			own++
		}
	}
	if own == 0 {
		return refusal(ocsp.Unauthorized)
	}
	now := s.Now()
	var last *Answer // to what is asked, while it holds
	key := ""
	if parsed.Nonce == nil && own == len(parsed.CertIDs) {
		key = r.line.key(parsed.CertIDs)
		if k, had := s.responders.cache(own).GetIfPresent(key); had {
			if !k.asked.Load() {
				k.asked.Store(true)
			}
			if a := k.answer.Load(); now.Before(a.NextUpdate) {
				last = a
			}
		}
	}
	// Signed requests are rare, and verifying costs: it is done like other work that strangers cause.
	if last != nil && !parsed.Signed && since(now, last.made) < answerLast {
		return last
	}
	orLast := func() *Answer {
		if last != nil && !parsed.Signed {
			return last
		}
		return refusal(ocsp.TryLater)
	}
	if ago(now, r.sure.Load()) > unsure {
		if last == nil && !parsed.Signed {
			return s.archived(name, parsed)
		}
		return orLast()
	}
	done, err := s.costly(ctx)
	if err != nil {
		return orLast()
	}
	defer done()
	if parsed.Verify() != nil {
		return refusal(ocsp.Unauthorized)
	}
	if last != nil && since(now, last.made) < answerLast {
		return last
	}
	a, err := s.answer(ctx, r, parsed, now)
	if err != nil {
		// A key that cannot be used now does not make the last answer less true: its status version is the present one.
		if last != nil {
			return last
		}
		return s.archived(name, parsed)
	}
	if a.Cacheable {
		s.keep(r, key, parsed.CertIDs, a)
	}
	return a
}

func (s *Service) costly(ctx context.Context) (func(), error) {
	if s.Costly == nil {
		return func() {}, nil
	}
	return s.Costly(ctx)
}

func (s *Service) keep(r *responder, key string, ids []ocsp.CertID, a *Answer) {
	k := &kept{line: r.line}
	for _, id := range ids {
		k.ids = append(k.ids, id.Clone())
	}
	k.archive = archiveKey(k.ids)
	k.answer.Store(a)
	r.line.mu.RLock()
	defer r.line.mu.RUnlock()
	if r.line.version == r.ca.StatusVersion {
		s.responders.cache(len(ids)).Set(key, k)
		r.line.changed.Store(true)
	}
}

func (s *Service) answer(ctx context.Context, r *responder, request *ocsp.Request, now time.Time) (*Answer, error) {
	found, err := s.standings(ctx, r, request.CertIDs)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return refusal(ocsp.Unauthorized), nil
	}
	a := &Answer{ThisUpdate: now.Truncate(time.Second), Cacheable: request.Nonce == nil, made: now}
	for _, c := range found {
		// An answer is not older than the revocation that it tells, whatever the clock says.
		if at := c.revokedAt.Truncate(time.Second); at.After(a.ThisUpdate) {
			a.ThisUpdate = at
		}
	}
	a.NextUpdate = a.ThisUpdate.Add(answerValidity)
	response := ocsp.Response{
		ResponderKeyHash: r.hash, ProducedAt: a.ThisUpdate, Nonce: request.Nonce, Certificates: [][]byte{r.signer.Certificate},
	}
	for n, id := range request.CertIDs {
		single := ocsp.SingleResponse{
			CertID: id, Status: ocsp.Unknown, Reason: -1, ThisUpdate: a.ThisUpdate, NextUpdate: a.NextUpdate,
			ArchiveCutoff: *r.ca.NotBefore,
		}
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
	signer, err := s.Keys.Open(ctx, r.signer.KeyStore, r.signer.KeyID)
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
func (s *Service) standings(ctx context.Context, r *responder, ids []ocsp.CertID) ([]standing, error) {
	found := make([]standing, len(ids))
	ours, unread := false, map[string][]int{}
	for n, id := range ids {
		if !r.issuer.Issued(id) {
			continue
		}
		ours = true
		serial := serialOf(id)
		if known, ok := s.responders.standings.GetIfPresent(r.line.prefix + serial); ok {
			found[n] = known
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
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var rows []*certificate.Certificate
	if err := s.Store.DB(ctx).Select("serial_number", "status", "revoked_at", "revocation_reason").
		Where(
			"ca_id = ? AND serial_number IN ? AND key_generation = ?", r.ca.ID, slices.Collect(maps.Keys(unread)), r.ca.KeyGeneration,
		).Find(&rows).Error; err != nil {
		return nil, err
	}
	read := map[string]standing{}
	for _, c := range rows {
		known := standing{status: c.Status, reason: int(c.RevocationReason)}
		if c.RevokedAt != nil {
			known.revokedAt = c.RevokedAt.UTC()
		}
		read[c.SerialNumber] = known
	}
	if len(read) < len(unread) {
		adopted, err := s.adopted(ctx, "ca_id = ? AND serial_number IN ?", r.ca.ID, slices.Collect(maps.Keys(unread)))
		if err != nil {
			return nil, err
		}
		for _, a := range adopted {
			serial := hex.EncodeToString(a.entry.SerialNumber)
			if _, ours := read[serial]; ours {
				continue
			}
			status := certificate.Revoked
			if a.entry.Reason == int(certificate.CertificateHold) {
				status = certificate.Suspended
			}
			read[serial] = standing{status: status, revokedAt: a.entry.RevokedAt, reason: a.entry.Reason}
		}
	}
	r.line.mu.RLock()
	defer r.line.mu.RUnlock()
	for serial, known := range read {
		for _, n := range unread[serial] {
			found[n] = known
		}
		if r.line.version == r.ca.StatusVersion {
			s.responders.standings.Set(r.line.prefix+serial, known)
		}
	}
	return found, nil
}

func serialOf(id ocsp.CertID) string { return hex.EncodeToString(trimmed(id.SerialNumber)) }

// trimmed drops the sign octet of a DER integer: serial numbers are kept as the positive number they are.
func trimmed(serial []byte) []byte {
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	return serial
}

// responder returns the CA's OCSP service, not older than `stale` unless the database cannot be asked: what may be done
// with it then, `sure` tells.
func (s *Service) responder(ctx context.Context, name string) (*responder, error) {
	now := s.Now()
	found, had := s.responders.byName.Load(name)
	if !had {
		if s.served.away() {
			return nil, away(nil)
		}
		done, err := s.costly(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		return s.current(ctx, name)
	}
	r := found.(*responder)
	if ago(now, r.used.Load()) > idle/2 {
		r.used.Store(now.UnixNano())
	}
	// Should Refresh be late, one request pays for the question; the others go on meanwhile. When nobody has asked for
	// long, all wait for the same question. A question that was asked in the future was asked by a clock that has been
	// put back since.
	last, sure := r.checked.Load(), ago(now, r.sure.Load()) <= unsure
	if sure && (ago(now, last) < stale || !r.checked.CompareAndSwap(last, now.UnixNano())) || s.served.away() {
		return r, nil
	}
	present, err := s.current(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return r, nil
	}
	return present, err
}

// askTimeout is how long status waits for the database before it goes on with what it has.
const askTimeout = 3 * time.Second

// current asks the database for the CA's status version, and makes its service anew when that has grown. Requests for
// the same CA that come together ask once.
func (s *Service) current(ctx context.Context, name string) (*responder, error) {
	r, err, _ := s.responders.asking.Do(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		r, err := s.renewed(ctx, name)
		s.served.heard(err)
		return r, err
	})
	if err != nil {
		return nil, err
	}
	return r.(*responder), nil
}

func (s *Service) renewed(ctx context.Context, name string) (*responder, error) {
	now := s.Now()
	partitionID, identifier, _ := strings.Cut(name, "/")
	c, err := s.CAs.Lookup(ctx, partitionID, identifier)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			s.responders.byName.Delete(name)
		}
		return nil, err
	}
	var old *responder
	if found, had := s.responders.byName.Load(name); had {
		old = found.(*responder)
		if old.ca.ID == c.ID && old.ca.StatusVersion == c.StatusVersion {
			old.checked.Store(now.UnixNano())
			old.sure.Store(now.UnixNano())
			return old, nil
		}
	}
	// A signer that is replaced after this is another status version, which the next look finds.
	signer, err := s.Delegates.Current(ctx, c.ID, c.KeyGeneration, delegate.OCSPSigner)
	if err != nil {
		return nil, err
	}
	r, err := newResponder(c, signer)
	if err != nil {
		return nil, err
	}
	r.checked.Store(now.UnixNano())
	r.sure.Store(now.UnixNano())
	r.used.Store(now.UnixNano())
	if old != nil {
		r.used.Store(old.used.Load())
		if err := s.carry(ctx, old, r); err != nil {
			return nil, err
		}
	}
	s.Archive.forget(name, c.StatusVersion)
	if r.line == nil {
		r.line = s.responders.newLine(c.StatusVersion)
	}
	s.responders.byName.Store(name, r)
	return r, nil
}

// carry takes over what is known of certificates whose status has not changed, so that one revocation does not cost
// thousands of signatures.
func (s *Service) carry(ctx context.Context, old, r *responder) error {
	if old.ca.ID != r.ca.ID || old.ca.StatusVersion > r.ca.StatusVersion || !bytes.Equal(
		old.signer.Certificate, r.signer.Certificate,
	) || !bytes.Equal(
		old.ca.Certificate, r.ca.Certificate,
	) {
		return nil
	}
	changed := map[string]bool{}
	for _, table := range []string{"certificates", "adopted_revocations"} {
		var serials []string
		// The first comparison is for the index.
		changes := s.Store.DB(ctx).Table(table).Where(
			"ca_id = ? AND status_version > 0 AND status_version > ?", r.ca.ID, old.ca.StatusVersion,
		)
		if err := changes.Limit(changesAtOnce+1).Pluck("serial_number", &serials).Error; err != nil {
			return err
		}
		for _, serial := range serials {
			changed[serial] = true
		}
		if len(changed) > changesAtOnce {
			return nil // so many that it is cheaper to begin anew
		}
	}
	l := old.line
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = r.ca.StatusVersion
	for serial := range changed {
		s.responders.standings.Invalidate(l.prefix + serial)
		for _, key := range ocsp.KeysOf(integer(serial)) {
			s.responders.answers.Invalidate(l.prefix + string(key))
		}
	}
	for key, k := range s.responders.combined.All() {
		if k.line == l && slices.ContainsFunc(k.ids, func(id ocsp.CertID) bool { return changed[serialOf(id)] }) {
			s.responders.combined.Invalidate(key)
		}
	}
	l.changed.Store(true)
	r.line = l
	return nil
}

// integer is a serial number as the inventory keeps it as the contents of an INTEGER.
func integer(serial string) []byte {
	b, err := hex.DecodeString(serial)
	if err != nil || len(b) == 0 {
		return nil // no serial number of ours
	}
	if b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

// Forget forgets all answers, as a start does.
func (s *Service) Forget() { s.responders.byName.Clear() }

// Refresh keeps the OCSP answers that are asked for fresh, until ctx ends: nobody who asks for one waits for the
// database or for a signature.
func (s *Service) Refresh(ctx context.Context) {
	s.responders.init()
	s.Archive.clean(s.Now())
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	archived, cleaned := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			s.archiveAnswers()
			return
		case <-ticker.C:
			s.refreshAll(ctx)
		}
		if time.Since(archived) > keepEvery {
			s.archiveAnswers()
			archived = time.Now()
		}
		if time.Since(cleaned) > time.Hour {
			s.Archive.clean(s.Now())
			cleaned = time.Now()
		}
	}
}

func (s *Service) refreshAll(ctx context.Context) {
	active := map[*line]*responder{}
	for name, found := range s.responders.byName.Range {
		r := found.(*responder)
		now := s.Now()
		if now.UnixNano()-r.used.Load() > int64(idle) {
			if now.UnixNano()-r.used.Load() > int64(answerValidity) {
				s.responders.byName.CompareAndDelete(name, r)
			}
			continue
		}
		if r, err := s.current(ctx, name.(string)); err == nil { // else whoever asks next is told
			active[r.line] = r
		}
	}
	if len(active) == 0 {
		return
	}
	begun := time.Now()
	for _, cache := range []*otter.Cache[string, *kept]{s.responders.answers, s.responders.combined} {
		for _, k := range cache.All() {
			now := s.Now()
			r := active[k.line]
			if r == nil || since(now, k.answer.Load().made) < answerReuse || !k.asked.Load() {
				continue
			}
			a, err := s.answer(ctx, r, &ocsp.Request{CertIDs: k.ids}, now)
			if err == nil && a.Cacheable {
				k.asked.Store(false)
				k.answer.Store(a)
				k.line.changed.Store(true)
			}
			// Changes of status are not to wait for a long list.
			if time.Since(begun) > refreshEvery {
				return
			}
		}
	}
}

func newResponder(c *ca.CertificationAuthority, signer *delegate.Delegate) (*responder, error) {
	if !c.OCSPEnabled || signer == nil {
		return nil, fault.New(fault.NotFound, "%s has no OCSP service", c.Identifier)
	}
	bits, err := keyBits(c.Certificate)
	if err != nil {
		return nil, err
	}
	signerBits, err := keyBits(signer.Certificate)
	if err != nil {
		return nil, err
	}
	hash := sha1.Sum(signerBits)
	return &responder{ca: c, signer: signer, issuer: ocsp.NewIssuer(c.SubjectDER, bits), hash: hash[:]}, nil
}

func keyBits(certificate []byte) ([]byte, error) {
	d, err := issuance.Inspect(certificate)
	if err != nil {
		return nil, err
	}
	return ocsp.KeyBits(d.PublicKey)
}
