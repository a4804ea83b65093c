package enrollment

import (
	"context"
	"errors"
	"sync"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Outcome of one of many requests: a certificate, or why there is none.
type Outcome struct {
	Certificate *certificate.Certificate
	Err         error
}

// Stale tells whether the CA changed while the certificate was signed: nothing was recorded, and it may be asked for again.
func Stale(err error) bool { return errors.Is(err, ErrStale) }

// signers is how many certificates of IssueMany are signed at a time.
const signers = 4

// CheckMany says of each request, without signing or counting, what a rule that needs no CA key refuses. Facts that are to be read
// are put into the requests.
func (s *Service) CheckMany(ctx context.Context, caID string, requests []Request) ([]error, error) {
	i, _, err := s.issuer(ctx, caID)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.Require(ctx, rbac.CertificateIssue, i.ca.PartitionID); err != nil {
		return nil, err
	}
	if err := i.usable(s.Now()); err != nil {
		return nil, err
	}
	refusals := make([]error, len(requests))
	for n := range requests {
		refusals[n] = func() error {
			r := &requests[n]
			if err := s.subscriberProfile(i, r.ProfileID); err != nil {
				return err
			}
			if err := r.read(PKCS10); err != nil {
				return err
			}
			o, err := s.order(ctx, i, r)
			if err != nil {
				return err
			}
			o.many, o.endEntity = true, "" // whether it is active is known when the certificate is recorded
			m, _, err := s.prepare(ctx, i, o)
			if err != nil {
				return err
			}
			return s.askApproval(ctx, i, o, m)
		}()
	}
	return refusals, nil
}

// IssueMany issues for several requests of one CA and records all that succeed in one transaction, in which settle is
// called with the outcomes: if it fails, nothing was issued. Rate and quota count as for single requests.
func (s *Service) IssueMany(ctx context.Context, source string, requests []Request, settle func(context.Context, []Outcome) error) error {
	outcomes := make([]Outcome, len(requests))
	made := make([]*signed, len(requests))
	var wg sync.WaitGroup
	work := make(chan int)
	for range signers {
		wg.Go(func() {
			for n := range work {
				made[n], outcomes[n].Err = s.signOne(ctx, source, requests[n])
			}
		})
	}
	for n, r := range requests {
		if _, outcomes[n].Err = s.permit(ctx, r.CAID, r.ProfileID, r.EndEntity, rbac.CertificateIssue); outcomes[n].Err == nil {
			work <- n
		}
	}
	close(work)
	wg.Wait()
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		var items []*item
		var at []int
		for n, done := range made {
			if done != nil && outcomes[n].Err == nil {
				items, at = append(items, done.item), append(at, n)
			}
		}
		answers := append([]Outcome{}, outcomes...) // the transaction may be repeated
		if len(items) > 0 {
			refusals, err := s.record(ctx, items)
			if err != nil {
				return err
			}
			for k, refused := range refusals {
				answers[at[k]] = Outcome{Err: refused}
				if refused == nil {
					answers[at[k]].Certificate = items[k].certificate
				} else if Stale(refused) {
					s.issuers.forget(requests[at[k]].CAID)
				}
			}
		}
		return settle(ctx, answers)
	})
}

// subscriberProfile refuses profiles by which a CA is certified, beside what profileOf does.
func (s *Service) subscriberProfile(i *issuer, id string) error {
	p, err := s.profileOf(i, id)
	if err == nil && p.IsCA() {
		err = fault.New(
			fault.PolicyRefused, "profile %s is for certification authorities, which are certified one at a time", p.ID,
		).At("profileId").Do(
			"Choose a profile for subscribers.",
		)
	}
	return err
}

func (s *Service) signOne(ctx context.Context, source string, r Request) (*signed, error) {
	if err := r.read(PKCS10); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		i, fresh, err := s.issuer(ctx, r.CAID)
		if err != nil {
			return nil, err
		}
		done, err := func() (*signed, error) {
			if err := i.usable(s.Now()); err != nil {
				return nil, err
			}
			if err := s.subscriberProfile(i, r.ProfileID); err != nil {
				return nil, err
			}
			o, err := s.order(ctx, i, &r)
			if err != nil {
				return nil, err
			}
			o.source, o.many = source, true
			return s.sign(ctx, i, o)
		}()
		if err == nil || fresh || attempt > 0 || fault.Is(err, fault.Invalid) {
			return done, err
		}
		s.issuers.forget(r.CAID) // what it refused may be allowed by now
	}
}
