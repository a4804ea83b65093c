package profile

import (
	"time"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/period"
)

// MaxBackdating limits a requested notBefore. A certificate that claims to be older than it is allows its owner to
// claim earlier signatures.
const MaxBackdating = 24 * time.Hour

// endOfTime is the last time that DER can represent (RFC 5280 4.1.2.5).
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// readPeriod reads a validity period: a duration of ISO 8601 that has a length, of at most 1000 years.
func readPeriod(text string) (period.Period, bool) {
	p, ok := period.Parse(text)
	return p, ok && !p.IsZero() && p.Within(1000)
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (a *application) decideValidity() error {
	issuerEnd := a.issuer.NotAfter.UTC().Truncate(time.Second)
	bounded := !a.p.SelfSigned && !a.issuer.NotAfter.IsZero()
	if err := a.decideNotBefore(); err != nil {
		return err
	}
	// The lifetime counts from now, or from the requested start. Backdating for slow clocks does not shorten it.
	begin := a.now
	if a.r.NotBefore != nil {
		begin = a.result.NotBefore
	}
	begin = begin.Truncate(time.Second)
	if a.r.NotAfter == nil {
		length, ok := readPeriod(a.p.ValidityPeriod)
		if !ok {
			return invalid.New("profile", "Profile %s has no validity period.", a.p.ID)
		}
		end := length.After(begin)
		capped := a.r.MaxValidity > 0 && end.After(begin.Add(a.r.MaxValidity))
		if capped {
			end = begin.Add(a.r.MaxValidity)
		}
		if bounded && end.After(issuerEnd) {
			end = issuerEnd
			a.decide("validity", at(end), "The profile gives %s, but the CA expires earlier.", a.p.ValidityPeriod)
		} else if capped {
			a.decide("validity", at(end), "The profile gives %s, but the offering at most %s.", a.p.ValidityPeriod, a.r.MaxValidity)
		} else {
			a.decide("validity", at(end), "The profile gives %s.", a.p.ValidityPeriod)
		}
		a.result.NotAfter = end
		return a.checkOrder("profile")
	}
	end := a.r.NotAfter.UTC().Truncate(time.Second)
	switch {
	case !end.After(a.now):
		return invalid.New("notAfter", "%s is in the past.", at(end))
	case end.After(endOfTime):
		return invalid.New("notAfter", "Certificates cannot expire after the year 9999.")
	case bounded && end.After(issuerEnd):
		return invalid.New(
			"notAfter", "%s is after the CA's own expiry on %s. Request less, or leave the expiry to the profile.", at(end), at(issuerEnd),
		)
	}
	if most, ok := readPeriod(a.p.MaxValidityPeriod); ok && end.After(most.After(begin)) {
		return ruled(
			"max_validity_period",
			invalid.New("notAfter", "%s is later than profile %s allows: at most %s.", at(end), a.p.ID, a.p.MaxValidityPeriod),
		)
	}
	if most := begin.Add(a.r.MaxValidity); a.r.MaxValidity > 0 && end.After(most) {
		return ruled("max_validity", invalid.New("notAfter", "%s is later than the offering allows: at most %s.", at(end), at(most)))
	}
	a.result.NotAfter = end
	a.decide("validity", at(end), "As requested.")
	return a.checkOrder("notAfter")
}

func (a *application) checkOrder(field string) error {
	if a.result.NotAfter.After(endOfTime) {
		return invalid.New(field, "Certificates cannot expire after the year 9999.")
	}
	if !a.result.NotAfter.After(a.result.NotBefore) {
		return invalid.New(
			field, "The certificate would expire on %s, before it becomes valid on %s.", at(a.result.NotAfter), at(a.result.NotBefore),
		)
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
		a.decide("begin", at(begin), "%s before issuance, for slow clocks, but never before the CA itself becomes valid.", a.skew)
		return nil
	}
	begin := a.r.NotBefore.UTC().Truncate(time.Second)
	switch {
	case !a.p.SelfSigned && begin.Before(issuerBegin):
		return invalid.New("notBefore", "%s is before the CA itself becomes valid on %s.", at(begin), at(issuerBegin))
	case begin.Before(a.now.Add(-max(MaxBackdating, a.skew))):
		return invalid.New("notBefore", "%s is too long ago. A certificate can be backdated by at most %s.", at(begin), MaxBackdating)
	}
	a.result.NotBefore = begin
	a.decide("begin", at(begin), "As requested.")
	return nil
}
