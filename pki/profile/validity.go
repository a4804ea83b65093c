package profile

import (
	"time"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// MaxBackdating bounds a requested notBefore: a certificate that claims to be older than it is lets its owner claim to
// have signed earlier.
const MaxBackdating = 24 * time.Hour

// end of the time that DER can write (RFC 5280 4.1.2.5).
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (a *application) decideValidity() error {
	issuerEnd := a.issuer.NotAfter.UTC().Truncate(time.Second)
	bounded := !a.p.SelfSigned && !a.issuer.NotAfter.IsZero()
	if err := a.decideNotBefore(); err != nil {
		return err
	}
	// The lifetime counts from now, or from the requested begin: back-dating for slow clocks takes nothing away.
	begin := a.now
	if a.r.NotBefore != nil {
		begin = a.result.NotBefore
	}
	begin = begin.Truncate(time.Second)
	if a.r.NotAfter == nil {
		length, ok := parsePeriod(a.p.ValidityPeriod)
		if !ok {
			return invalid.New("profile", "profile %s has no validity period", a.p.ID)
		}
		end := length.after(begin)
		capped := a.r.MaxValidity > 0 && end.After(begin.Add(a.r.MaxValidity))
		if capped {
			end = begin.Add(a.r.MaxValidity)
		}
		if bounded && end.After(issuerEnd) {
			end = issuerEnd
			a.decide("validity", at(end), "the profile gives %s, but the CA ends earlier", a.p.ValidityPeriod)
		} else if capped {
			a.decide("validity", at(end), "the profile gives %s, but the offering at most %s", a.p.ValidityPeriod, a.r.MaxValidity)
		} else {
			a.decide("validity", at(end), "the profile gives %s", a.p.ValidityPeriod)
		}
		a.result.NotAfter = end
		return a.checkOrder("profile")
	}
	end := a.r.NotAfter.UTC().Truncate(time.Second)
	switch {
	case !end.After(a.now):
		return invalid.New("notAfter", "%s is in the past", at(end))
	case end.After(endOfTime):
		return invalid.New("notAfter", "certificates cannot end after the year 9999")
	case bounded && end.After(issuerEnd):
		return invalid.New("notAfter", "%s is after the CA's own end on %s: ask for less, or leave the end to the profile", at(end), at(issuerEnd))
	}
	if most, ok := parsePeriod(a.p.MaxValidityPeriod); ok && end.After(most.after(begin)) {
		return ruled("max_validity_period", invalid.New("notAfter", "%s is later than profile %s allows: at most %s", at(end), a.p.ID, a.p.MaxValidityPeriod))
	}
	if most := begin.Add(a.r.MaxValidity); a.r.MaxValidity > 0 && end.After(most) {
		return ruled("max_validity", invalid.New("notAfter", "%s is later than is offered: at most %s", at(end), at(most)))
	}
	a.result.NotAfter = end
	a.decide("validity", at(end), "as requested")
	return a.checkOrder("notAfter")
}

func (a *application) checkOrder(field string) error {
	if a.result.NotAfter.After(endOfTime) {
		return invalid.New(field, "certificates cannot end after the year 9999")
	}
	if !a.result.NotAfter.After(a.result.NotBefore) {
		return invalid.New(field, "the certificate would end on %s, before it begins on %s", at(a.result.NotAfter), at(a.result.NotBefore))
	}
	return nil
}

func (a *application) decideNotBefore() error {
	issuerBegin := a.issuer.NotBefore.UTC()
	if whole := issuerBegin.Truncate(time.Second); whole.Before(issuerBegin) {
		issuerBegin = whole.Add(time.Second)
	}
	if a.r.NotBefore == nil {
		begin := a.now.Add(-a.skew).Truncate(time.Second)
		if !a.p.SelfSigned && begin.Before(issuerBegin) && !a.now.Before(issuerBegin) {
			begin = issuerBegin
		}
		a.result.NotBefore = begin
		a.decide("begin", at(begin), "%s before issuance, for clocks that are slow; never before the CA's own begin", a.skew)
		return nil
	}
	begin := a.r.NotBefore.UTC().Truncate(time.Second)
	switch {
	case !a.p.SelfSigned && begin.Before(issuerBegin):
		return invalid.New("notBefore", "%s is before the CA's own begin on %s", at(begin), at(issuerBegin))
	case begin.Before(a.now.Add(-max(MaxBackdating, a.skew))):
		return invalid.New("notBefore", "%s is too long ago: a certificate can be back-dated by at most %s", at(begin), MaxBackdating)
	}
	a.result.NotBefore = begin
	a.decide("begin", at(begin), "as requested")
	return nil
}
