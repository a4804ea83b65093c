// Package report counts certificates: issued and revoked over time, by cryptography and by expiry.
package report

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Service creates the reports of a partition. All are aggregates over dedicated indexes (migrations/0013_bulk.sql,
// 0015_browse.sql).
type Service struct {
	Store *store.Store
	Guard *rbac.Guard
	Now   func() time.Time
}

// Reports is the parent of a partition's reports in GraphQL.
type Reports struct{ PartitionID string }

// Interval of a time series.
type Interval string

const (
	Day   Interval = "DAY"
	Month Interval = "MONTH"
)

// Dimension is a property to break down by.
type Dimension string

const (
	ByProfile   Dimension = "PROFILE"
	ByCA        Dimension = "CA"
	ByAlgorithm Dimension = "ALGORITHM"
	ByKeyType   Dimension = "KEY_TYPE"
	BySource    Dimension = "SOURCE"
	ByRequester Dimension = "REQUESTER"
)

var columns = map[Dimension]string{
	ByProfile: "profile_id", ByCA: "ca_id", ByAlgorithm: "signature_algorithm", ByKeyType: "key_type", BySource: "source",
	ByRequester: "requested_by",
}

// Valid tells whether the dimension exists.
func (d Dimension) Valid() bool { return columns[d] != "" }

// Period is a day or a month of a series.
type Period struct {
	Start           string // 2026-11-21 or 2026-11
	Issued, Revoked int
}

// maxDays limits the time span of a report.
const maxDays = 3660

func (s *Service) span(ctx context.Context, partitionID string, from, to *time.Time) (time.Time, time.Time, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return time.Time{}, time.Time{}, err
	}
	end := s.Now()
	if to != nil {
		end = to.UTC()
	}
	begin := end.AddDate(0, 0, -89)
	if from != nil {
		begin = from.UTC()
	}
	if !begin.Before(end) || end.Sub(begin) > maxDays*24*time.Hour {
		return begin, end, fault.New(fault.Invalid, "A report must begin before it ends and span at most ten years.").At("from")
	}
	return time.Date(begin.Year(), begin.Month(), begin.Day(), 0, 0, 0, 0, time.UTC), end, nil
}

// day returns the SQL for the UTC day, or month, of a time.
func (s *Service) day(column string, i Interval) string {
	n := map[Interval]string{Day: "10", Month: "7"}[i]
	if s.Store.PostgreSQL() {
		return "substr(to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 1, " + n + ")"
	}
	return "substr(" + column + ", 1, " + n + ")"
}

// Activity counts subscriber certificates issued and revoked per day or month, oldest first, including periods without
// any.
func (s *Service) Activity(ctx context.Context, partitionID string, from, to *time.Time, interval Interval) ([]*Period, error) {
	begin, end, err := s.span(ctx, partitionID, from, to)
	if err != nil {
		return nil, err
	}
	layout, next := time.DateOnly, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	if interval == Month {
		begin = time.Date(begin.Year(), begin.Month(), 1, 0, 0, 0, 0, time.UTC)
		layout, next = "2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	}
	var list []*Period
	index := map[string]*Period{}
	for t := begin; !t.After(end); t = next(t) {
		p := &Period{Start: t.Format(layout)}
		list, index[p.Start] = append(list, p), p
	}
	for column, add := range map[string]func(*Period, int){
		"created_at": func(p *Period, n int) { p.Issued = n }, "revoked_at": func(p *Period, n int) { p.Revoked = n },
	} {
		query := s.Store.DB(ctx).Table("certificates").Select(s.day(column, interval)+" AS start, count(*) AS n").
			Where("partition_id = ? AND kind = 'SUBSCRIBER' AND "+column+" >= ? AND "+column+" <= ?", partitionID, begin, end)
		if column == "revoked_at" {
			query = query.Where("revoked_at IS NOT NULL AND status = 'REVOKED'")
		}
		var rows []struct {
			Start string
			N     int
		}
		if err := query.Group(s.day(column, interval)).Scan(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			if p := index[r.Start]; p != nil {
				add(p, r.N)
			}
		}
	}
	return list, nil
}

// Share is one value of a dimension.
type Share struct {
	Key     string // ID of the profile or CA, or the value itself
	Label   string
	Issued  int // within the time span
	Revoked int // how many of the issued
	Active  int // how many of the issued are neither revoked nor expired now
}

// Breakdown counts subscriber certificates issued in the time span by a dimension, largest count first.
func (s *Service) Breakdown(ctx context.Context, partitionID string, from, to *time.Time, by Dimension) ([]*Share, error) {
	begin, end, err := s.span(ctx, partitionID, from, to)
	if err != nil {
		return nil, err
	}
	column := columns[by]
	var list []*Share
	err = s.Store.DB(ctx).Table("certificates").Select(
		column+" AS key, count(*) AS issued, sum(CASE WHEN status = 'REVOKED' THEN 1 ELSE 0 END) AS revoked, sum(CASE WHEN status <> "+
			"'REVOKED' AND not_after >= ? THEN 1 ELSE 0 END) AS active",
		s.Now(),
	).
		Where("partition_id = ? AND kind = 'SUBSCRIBER' AND created_at >= ? AND created_at <= ?", partitionID, begin, end).
		Group(column).Order("issued DESC, 1").Limit(200).Scan(&list).Error
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if by == ByCA {
		var cas []struct{ ID, FriendlyName string }
		if err := s.Store.DB(ctx).Table("certification_authorities").Select("id, friendly_name").Where("partition_id = ?",
			partitionID).Scan(&cas).Error; err != nil {
			return nil, err
		}
		for _, c := range cas {
			names[c.ID] = c.FriendlyName
		}
	}
	for _, r := range list {
		switch r.Label = r.Key; {
		case names[r.Key] != "":
			r.Label = names[r.Key]
		case r.Key == "":
			r.Label = "not recorded"
		}
	}
	return list, nil
}

// Expiry is the number of certificates that expire on a day or in a month.
type Expiry struct {
	Start        string
	Certificates int // subscriber certificates
	Authorities  int // CA certificates
}

// Expiries counts valid certificates by the day on which they expire, starting today. Days without any are left out.
func (s *Service) Expiries(ctx context.Context, partitionID string, days int) ([]*Expiry, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	if days < 1 || days > 1100 {
		return nil, fault.New(fault.Invalid, "The number of days must be 1 to 1100.").At("days")
	}
	now := s.Now()
	count := func(what string) (rows []struct {
		Start string
		N     int
	}, err error) {
		return rows, s.Store.DB(ctx).Table("certificates").Select(s.day("not_after", Day)+" AS start, count(*) AS n").
			Where(
				what+" AND not_after >= ? AND not_after < ?", partitionID, now, now.AddDate(0, 0, days),
			).Group(s.day("not_after", Day)).Scan(&rows).Error
	}
	subscribers, err := count("counted AND partition_id = ?")
	if err != nil {
		return nil, err
	}
	authorities, err := count("kind <> 'SUBSCRIBER' AND kind = 'CA' AND status <> 'REVOKED' AND " + ofPartition)
	if err != nil {
		return nil, err
	}
	byDay := map[string]*Expiry{}
	var list []*Expiry
	on := func(start string) *Expiry {
		if byDay[start] == nil {
			byDay[start] = &Expiry{Start: start}
			list = append(list, byDay[start])
		}
		return byDay[start]
	}
	for _, r := range subscribers {
		on(r.Start).Certificates = r.N
	}
	for _, r := range authorities {
		on(r.Start).Authorities = r.N
	}
	slices.SortFunc(list, func(a, b *Expiry) int { return strings.Compare(a.Start, b.Start) })
	return list, nil
}

// ocspSigner is the profile of OCSP signer certificates.
const ocspSigner = "ocsp-signer"

// ofPartition is the condition for indexes that start with the CA.
const ofPartition = "ca_id IN (SELECT id FROM certification_authorities WHERE partition_id = ?)"

// Use is the number of valid certificates with a kind of key and a signature algorithm.
type Use struct {
	KeyType            string
	SignatureAlgorithm string
	Certificates       int
	Authorities        int
	LatestExpiry       time.Time
	PostQuantum        bool // of the key
}

// Concern is cryptography that is weak, or will be weak before the certificates expire.
type Concern struct {
	ID           string
	Severity     Severity
	Title        string
	Advice       string
	Certificates int
	Authorities  int
}

// Severity of a concern.
type Severity string

const (
	Critical Severity = "CRITICAL"
	Warning  Severity = "WARNING"
	Notice   Severity = "NOTICE"
)

// Inventory is the cryptography of all valid certificates.
type Inventory struct {
	Uses     []*Use
	Concerns []*Concern
}

// These dates are from NIST IR 8547 (draft) and SP 800-57 part 1: 112-bit security ends with 2030; algorithms that a
// quantum computer breaks end with 2035.
var (
	end2030 = time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	end2035 = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
)

// rules say which certificates are a concern. late is the time that notAfter must exceed; zero matches any.
var rules = []struct {
	Concern
	late    time.Time
	matches func(u *Use) bool
}{
	{
		Concern{
			ID: "sha1", Severity: Critical, Title: "Signed with SHA-1 or MD5",
			Advice: "Collisions are practical. Replace these certificates now.",
		},
		time.Time{}, func(u *Use) bool { return weakHash.MatchString(u.SignatureAlgorithm) },
	},
	{
		Concern{ID: "rsa-short", Severity: Critical, Title: "RSA keys below 2048 bits", Advice: "Replace these keys now."}, time.Time{},
		func(u *Use) bool { return rsaBits(u.KeyType) > 0 && rsaBits(u.KeyType) < 2048 },
	},
	{
		Concern{
			ID: "rsa-2030", Severity: Warning, Title: "RSA below 3072 bits, valid beyond 2030",
			Advice: "112-bit security is not acceptable after 2030 (NIST SP 800-57). Issue for a shorter time, or with RSA 3072, ECDSA " +
				"or ML-DSA.",
		},
		end2030, func(u *Use) bool { return rsaBits(u.KeyType) > 0 && rsaBits(u.KeyType) < 3072 },
	},
	{
		Concern{
			ID: "quantum-2035", Severity: Warning, Title: "No post-quantum key, valid beyond 2035",
			Advice: "RSA and elliptic curves are disallowed after 2035 (NIST IR 8547). Plan a hierarchy with ML-DSA or a composite " +
				"algorithm.",
		},
		end2035, func(u *Use) bool { return !u.PostQuantum },
	},
	{
		Concern{
			ID: "p521", Severity: Notice, Title: "ECDSA P-521",
			Advice: "Browsers and several devices do not accept P-521: use P-384 where they are relying parties.",
		},
		time.Time{}, func(u *Use) bool { return u.KeyType == "ECDSA P-521" },
	},
	{
		Concern{
			ID: "ed25519", Severity: Notice, Title: "Ed25519",
			Advice: "Browsers and Windows do not verify Ed25519 in certificates: use ECDSA P-256 where they are relying parties.",
		},
		time.Time{}, func(u *Use) bool { return u.KeyType == "Ed25519" },
	},
	{
		Concern{
			ID: "post-quantum", Severity: Notice, Title: "Post-quantum keys",
			Advice: "Few clients can verify them today. See the table of verifiers in the manual.",
		},
		time.Time{}, func(u *Use) bool { return u.PostQuantum },
	},
}

var weakHash = regexp.MustCompile(`(?i)(sha-?1(\D|$)|md5)`)

func rsaBits(keyType string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(keyType, "RSA ")) // 0 for other types
	return n
}

// postQuantum holds the key types that no known quantum algorithm breaks.
var postQuantum = func() map[string]bool {
	types := map[string]bool{}
	for _, a := range algorithm.All() {
		if a.PostQuantum {
			types[a.Label] = true
		}
	}
	return types
}()

func isPostQuantum(keyType string) bool {
	return postQuantum[keyType] || slices.ContainsFunc(
		[]string{"ML-DSA", "MLDSA", "SLH-DSA", "Hash-SLH-DSA", "HashSLH", "SPHINCS", "Falcon", "ML-KEM"},
		func(p string) bool { return strings.HasPrefix(keyType, p) },
	)
}

// Cryptography counts the keys and algorithms of valid certificates, and rates them.
func (s *Service) Cryptography(ctx context.Context, partitionID string) (*Inventory, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	now := s.Now()
	// not_after falls into one of three spans, because some rules count only certificates that expire late.
	span := "CASE WHEN not_after >= ? THEN 2 WHEN not_after >= ? THEN 1 ELSE 0 END"
	var rows []struct {
		KeyType, SignatureAlgorithm string
		Span                        int
		Certificates, Authorities   int
		Latest                      string
	}
	// All these columns are in an index. The kind of certificate is not, but few certificates are not of subscribers.
	latest := "max(not_after)"
	if s.Store.PostgreSQL() {
		latest = "to_char(max(not_after) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	}
	err := s.Store.DB(ctx).Table("certificates").Select(
		"key_type, signature_algorithm, "+span+" AS span, count(*) AS certificates, "+latest+" AS latest", end2035, end2030,
	).
		Where(ofPartition+" AND profile_id <> ? AND status <> 'REVOKED' AND not_after >= ?", partitionID, ocspSigner, now).
		Group("1, 2, 3").Order("1, 2, 3").Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	type kind struct {
		key, signature string
		span           int
	}
	own := map[kind]int{}
	var authorities []struct {
		KeyType, SignatureAlgorithm string
		Span, N                     int
	}
	if err := s.Store.DB(ctx).Table("certificates").Select(
		"key_type, signature_algorithm, "+span+" AS span, count(*) AS n", end2035, end2030,
	).
		Where(ofPartition+" AND kind <> 'SUBSCRIBER' AND kind = 'CA' AND status <> 'REVOKED' AND not_after >= ?", partitionID, now).
		Group("1, 2, 3").Scan(&authorities).Error; err != nil {
		return nil, err
	}
	for _, r := range authorities {
		own[kind{r.KeyType, r.SignatureAlgorithm, r.Span}] = r.N
	}
	for n := range rows {
		r := &rows[n]
		r.Authorities = own[kind{r.KeyType, r.SignatureAlgorithm, r.Span}]
		r.Certificates -= r.Authorities
		r.Latest = r.Latest[:min(10, len(r.Latest))]
	}
	inventory := &Inventory{}
	concerns := map[string]*Concern{}
	var use *Use
	for _, r := range rows {
		if use == nil || use.KeyType != r.KeyType || use.SignatureAlgorithm != r.SignatureAlgorithm {
			use = &Use{KeyType: r.KeyType, SignatureAlgorithm: r.SignatureAlgorithm, PostQuantum: isPostQuantum(r.KeyType)}
			inventory.Uses = append(inventory.Uses, use)
		}
		use.Certificates += r.Certificates
		use.Authorities += r.Authorities
		if latest, err := time.Parse(time.DateOnly, r.Latest); err == nil && latest.After(use.LatestExpiry) {
			use.LatestExpiry = latest
		}
		for n := range rules {
			rule := &rules[n]
			if rule.late.Equal(end2030) && r.Span < 1 || rule.late.Equal(end2035) && r.Span < 2 || !rule.matches(use) {
				continue
			}
			c := concerns[rule.ID]
			if c == nil {
				c = new(rule.Concern)
				concerns[rule.ID] = c
			}
			c.Certificates += r.Certificates
			c.Authorities += r.Authorities
		}
	}
	for n := range rules {
		if c := concerns[rules[n].ID]; c != nil {
			inventory.Concerns = append(inventory.Concerns, c)
		}
	}
	slices.SortStableFunc(inventory.Uses, func(a, b *Use) int { return b.Certificates + b.Authorities - a.Certificates - a.Authorities })
	return inventory, nil
}
