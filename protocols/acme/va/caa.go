package va

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// caa asks whether the owner of a name lets this CA issue for it (RFC 8659), by this method and for this account (RFC
// 8657). Enough resolvers must give leave.
func (t *attempt) caa(ctx context.Context, name string, wildcard bool, accountURI, method string) *Problem {
	answers := ask(t, "CAA", name, caaSet.texts, func(r resolver) (caaSet, error) { return relevant(ctx, r, name) })
	granted, refusal := 0, ""
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		if why := a.value.refuses(t.CAA, wildcard, accountURI, method); why == "" {
			granted++
		} else if refusal == "" {
			refusal = why
		}
	}
	switch {
	case granted >= t.Quorum:
		return nil
	case refusal != "":
		return problem(caaProblem, "%s", refusal)
	}
	return problem(
		dnsProblem, "the CAA records of %s could not be looked up (%s)", name,
		said(answers, func(s caaSet) string { return strings.Join(s.texts(), ", ") }),
	)
}

// caaSet is the relevant record set, and where it was found.
type caaSet struct {
	at      string
	records []*dns.CAA
}

func (s caaSet) texts() (list []string) {
	for _, r := range s.records {
		list = append(list, fmt.Sprintf("%s: %d %s %s", s.at, r.Flag, clip(short(r.Tag), 40), quote(r.Value)))
	}
	return list
}

// relevant climbs from the name to its top label until there are records (RFC 8659 section 3).
func relevant(ctx context.Context, r resolver, name string) (caaSet, error) {
	for at := name; at != ""; _, at, _ = strings.Cut(at, ".") {
		records, err := r.caa(ctx, at)
		if err != nil {
			return caaSet{}, err
		}
		if len(records) > 0 {
			return caaSet{at, records}, nil
		}
	}
	return caaSet{}, nil
}

// harmless are the tags of others, which say nothing about these certificates.
var harmless = []string{"iodef", "contactemail", "contactphone", "issuemail", "issuevmc"}

// refuses returns why the set forbids, or nothing.
func (s caaSet) refuses(issuers []string, wildcard bool, accountURI, method string) string {
	var issue, issueWild []*dns.CAA
	for _, r := range s.records {
		switch tag := strings.ToLower(r.Tag); {
		case tag == "issue":
			issue = append(issue, r)
		case tag == "issuewild":
			issueWild = append(issueWild, r)
		case r.Flag&128 != 0 && !slices.Contains(harmless, tag):
			return fmt.Sprintf("CAA of %s has the critical property %s, which is not understood here", s.at, clip(quote(r.Tag), 40))
		}
	}
	list := issue
	if wildcard && len(issueWild) > 0 {
		list = issueWild
	}
	if len(list) == 0 {
		return ""
	}
	why := ""
	for _, r := range list {
		issuer, parameters, ok := property(r.Value)
		if !ok || !slices.Contains(issuers, issuer) {
			continue
		}
		if uri, bound := parameters["accounturi"]; bound && uri != accountURI {
			why = fmt.Sprintf("CAA of %s names this CA, but for the account %s only", s.at, clip(quote(uri), 100))
			continue
		}
		if methods, bound := parameters["validationmethods"]; bound && !slices.Contains(strings.Split(methods, ","), method) {
			why = fmt.Sprintf("CAA of %s names this CA, but not with %s: only with %s", s.at, method, clip(quote(methods), 100))
			continue
		}
		return ""
	}
	if why == "" {
		why = fmt.Sprintf(
			"CAA of %s does not name this CA (%s); found: %s", s.at, strings.Join(issuers, ", "),
			clip(strings.Join(caaSet{s.at, list}.texts(), ", "), 400),
		)
	}
	return why
}

// property reads the value of issue and issuewild (RFC 8659 section 4.2): issuer [; tag=value]… What is not of that
// form names nobody, and so does a parameter that is there twice (RFC 8657 sections 3 and 4).
func property(value string) (issuer string, parameters map[string]string, ok bool) {
	parts := strings.Split(value, ";")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t")
	}
	issuer, parameters = strings.ToLower(parts[0]), map[string]string{}
	if last := len(parts) - 1; last > 0 && parts[last] == "" {
		parts = parts[:last]
	}
	for _, p := range parts[1:] {
		tag, v, found := strings.Cut(p, "=")
		tag, v = strings.ToLower(strings.TrimRight(tag, " \t")), strings.TrimLeft(v, " \t")
		if _, twice := parameters[tag]; !found || twice || tag == "" || strings.ContainsAny(tag+v, " \t") {
			return "", nil, false
		}
		parameters[tag] = v
	}
	return issuer, parameters, isName(issuer)
}
