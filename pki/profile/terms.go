package profile

import "time"

// CheckTerms refuses what Apply would refuse for any names and key: an issuer for which the profile is not allowed, or
// an impossible validity.
func (p *Profile) CheckTerms(issuer Issuer, r Request, now time.Time, skew time.Duration) error {
	a := &application{p: p, r: r, issuer: issuer, now: now.UTC(), skew: skew, result: &Result{}}
	if err := a.checkIssuer(); err != nil {
		return err
	}
	return a.decideValidity()
}
