package va

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// dns01 looks for the digest among the TXT records (RFC 8555 section 8.4). Any of them may match: a wildcard and its
// apex share the name, and so do several clients.
func (t *attempt) dns01(ctx context.Context, c Challenge) *Problem {
	name := "_acme-challenge." + c.Identifier.Value
	sum := sha256.Sum256([]byte(c.KeyAuthorization))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	texts := func(list []string) (safe []string) {
		for _, s := range list[:min(len(list), 10)] {
			safe = append(safe, short(s))
		}
		return safe
	}
	answers := ask(t, "TXT", name, texts, func(r resolver) ([]string, error) { return r.txt(ctx, name) })
	with, without := 0, 0 // resolvers; the rest did not answer
	for _, a := range answers {
		noData := (*noDataError)(nil)
		switch {
		case a.err == nil && slices.Contains(a.value, want):
			with++
		case a.err == nil, errors.As(a.err, &noData):
			without++
		}
	}
	if with >= t.Quorum {
		return nil
	}
	sentence := said(answers, func(list []string) string {
		if slices.Contains(list, want) {
			return "has it"
		}
		var shown []string
		for _, s := range list[:min(len(list), 3)] {
			shown = append(shown, clip(quote(s), 80))
		}
		text := fmt.Sprintf("%d TXT, none with it: %s", len(list), strings.Join(shown, ", "))
		if len(list) > len(shown) {
			text += " and others"
		}
		return text
	})
	switch {
	case with > 0:
		return problem(
			dnsProblem, "%d of %d resolvers see the TXT record %s with the value, %d must (%s)", with, len(answers), name, t.Quorum,
			sentence,
		)
	case without > 0:
		return problem(unauthorized, "no TXT record at %s has the value %s (%s)", name, want, sentence)
	}
	return problem(dnsProblem, "the TXT records of %s could not be looked up (%s)", name, sentence)
}
