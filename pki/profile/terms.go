package profile

import "time"

// CheckTerms refuses what Apply would refuse whatever the names and the key: an issuer that the profile is not for, and a validity
// that cannot be had.
func (p *Profile) CheckTerms(issuer Issuer, r Request, now time.Time, skew time.Duration) error {
	a := &application{p: p, r: r, issuer: issuer, now: now.UTC(), skew: skew, result: &Result{}}
	if err := a.checkIssuer(); err != nil {
		return err
	}
	return a.decideValidity()
}
