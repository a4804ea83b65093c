package certificate

import (
	"context"
	"crypto/sha1" //nolint:gosec // people still quote it as a fingerprint; nothing is trusted because of it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/pkiaas/pkiaas/rbac"
)

// Quoted is what people write for a certificate: its serial number, as Windows, OpenSSL, Java and they themselves write it,
// or its fingerprint. One text may be read in several ways.
type Quoted struct {
	// Serials are the serial numbers that it may be, as they are kept, the likeliest first.
	Serials []string
	// digits are hexadecimal, without what stands between them; "": it is none of this.
	digits string
}

// label is what programs write before it: "serial=", "Serial Number:", "sha256 Fingerprint=", "Thumbprint".
var label = regexp.MustCompile(`(?i)^\s*(serial([ _-]?(number|no\.?))?|(sha-?(1|256)\s*)?(fingerprint|thumbprint))\s*[=:#]?`)

// ReadQuoted reads it: blanks, colons, hyphens and marks of direction do not count, nor a label, a prefix 0x or leading
// zeros; digits alone may be decimal.
func ReadQuoted(text string) (q Quoted) {
	if len(text) > 400 {
		return q
	}
	if _, inside, ok := strings.Cut(text, "(0x"); ok { // openssl x509 -text, of short ones
		inside, _, _ = strings.Cut(inside, ")")
		text = "0x" + inside
	}
	text = label.ReplaceAllString(text, "")
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == ':' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
	digits, hexadecimal := strings.CutPrefix(digits, "0x")
	if digits == "" || len(digits) > 128 || strings.Trim(digits, "0123456789abcdef") != "" {
		return q
	}
	q.digits = digits
	if s := kept(digits); s != "" {
		q.Serials = append(q.Serials, s)
	}
	if !hexadecimal && strings.Trim(digits, "0123456789") == "" {
		if n, ok := new(big.Int).SetString(digits, 10); ok {
			if s := kept(n.Text(16)); s != "" && !slices.Contains(q.Serials, s) {
				q.Serials = append(q.Serials, s)
			}
		}
	}
	return q
}

// kept is hexadecimal as serial numbers are kept: whole octets, the first not zero. "" for what is too long for one
// (RFC 5280 4.1.2.2).
func kept(digits string) string {
	digits = strings.TrimLeft(digits, "0")
	switch {
	case len(digits) > 40:
		return ""
	case digits == "":
		return "00"
	case len(digits)%2 == 1:
		return "0" + digits
	}
	return digits
}

// fingerprint is the SHA-256 or SHA-1 that it may be of a certificate, "" if none.
func (q Quoted) fingerprint() string {
	if len(q.digits) == 2*sha256.Size || len(q.digits) == 2*sha1.Size {
		return q.digits
	}
	return ""
}

// leastDigits from which on text of digits may be the beginning or the end of a serial number.
const leastDigits = 8

// beginnings are what a serial number that is meant begins with.
func (q Quoted) beginnings() []string {
	if len(q.digits) < leastDigits {
		return nil
	}
	all := slices.Clone(q.Serials)
	if !slices.Contains(all, q.digits) && len(q.digits) <= 40 {
		all = append(all, q.digits)
	}
	return all
}

// means tells whether the end of the serial number or the fingerprint is that of a certificate.
func (q Quoted) means(c *Certificate) bool {
	return len(q.digits) >= leastDigits && strings.HasSuffix(c.SerialNumber, q.digits) || q.fingerprint() != "" && slices.Contains(
		fingerprints(c.DER), q.fingerprint(),
	)
}

func fingerprints(der []byte) []string {
	long, short := sha256.Sum256(der), sha1.Sum(der)
	return []string{hex.EncodeToString(long[:]), hex.EncodeToString(short[:])}
}

// Marks stand among the words of a certificate, which they cannot be taken for: the beginnings of its fingerprints, and its
// serial number from behind.
const markDigits = 16

func marks(c *Certificate) []string {
	all := []string{"~" + reversed(c.SerialNumber)}
	for _, f := range fingerprints(c.DER) {
		all = append(all, "#"+f[:markDigits])
	}
	return all
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// meant finds the certificates of a partition by the end of the serial number or by fingerprint, a few at most.
func (s *Service) meant(ctx context.Context, partitionID string, q Quoted) (ids []string, err error) {
	if len(q.digits) < leastDigits || len(q.digits) > 2*sha256.Size {
		return nil, nil
	}
	looked := []string{"~" + reversed(q.digits)}
	if f := q.fingerprint(); f != "" {
		looked = append(looked, "#"+f[:markDigits])
	}
	var candidates []string
	for _, m := range looked {
		var some []string
		if err := s.Store.DB(ctx).Raw(
			fmt.Sprintf("SELECT certificate_id FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ? LIMIT %d", few),
			partitionID, m, m+behindAll,
		).Scan(&some).Error; err != nil {
			return nil, err
		}
		candidates = append(candidates, some...)
	}
	var unread []string
	if err := s.Store.DB(ctx).Raw(
		fmt.Sprintf("SELECT certificate_id FROM certificates_unread WHERE partition_id = ? ORDER BY certificate_id DESC LIMIT %d", first),
		partitionID,
	).Scan(&unread).Error; err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(append(candidates, unread...), step) {
		var rows []*Certificate
		if err := s.Store.DB(ctx).Select("id", "serial_number", "der").Find(
			&rows, "id IN ? AND partition_id = ?", chunk, partitionID,
		).Error; err != nil {
			return nil, err
		}
		for _, c := range rows {
			if q.means(c) && !slices.Contains(ids, c.ID) {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids, nil
}

// ByFingerprint finds the certificates of a partition with a fingerprint; nil where the text is none.
func (s *Service) ByFingerprint(ctx context.Context, partitionID, text string) ([]*Certificate, error) {
	q := ReadQuoted(text)
	if q.fingerprint() == "" {
		return nil, nil
	}
	ids, err := s.meant(ctx, partitionID, q)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var found []*Certificate
	if err := s.Store.DB(ctx).Find(&found, "id IN ?", ids).Error; err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(c *Certificate) bool { return !slices.Contains(fingerprints(c.DER), q.fingerprint()) }), nil
}

// quoted finds a certificate of a CA by what somebody wrote.
func (s *Service) quoted(ctx context.Context, partitionID, caID, text string) (*Certificate, error) {
	for _, serial := range ReadQuoted(text).Serials {
		var found []*Certificate
		if err := s.Store.DB(ctx).Limit(1).Find(&found, "ca_id = ? AND serial_number = ?", caID, serial).Error; err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	found, err := s.ByFingerprint(ctx, partitionID, text)
	if err != nil {
		return nil, err
	}
	if n := slices.IndexFunc(found, func(c *Certificate) bool { return c.CAID == caID }); n >= 0 {
		return found[n], nil
	}
	return nil, rbac.NotFound()
}
