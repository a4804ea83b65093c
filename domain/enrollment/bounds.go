package enrollment

import (
	"bytes"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/policy"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
)

// bounds are what the certificates of a CA and of those above allow below them.
type bounds struct {
	names    []*nameconstraint.Bounds
	policies policy.State
	// unusable: verifiers refuse whatever is issued. CRL and OCSP go on.
	unusable error
}

// boundsOf reads a chain, the CA's own certificate first.
func boundsOf(chain [][]byte) *bounds {
	b := &bounds{policies: policy.Start()}
	for n := len(chain) - 1; n >= 0; n-- {
		d, err := issuance.Inspect(chain[n])
		var names *nameconstraint.Bounds
		if err == nil {
			// Those that cannot be applied are refused at the import now; CAs from before may have them.
			if names, err = nameconstraint.FromExtensions(d.Extensions); err != nil {
				err = unusable(d, err)
			}
		}
		if names != nil {
			b.names = append(b.names, names)
		}
		// Verifiers trust the root and begin below it.
		if selfIssued := err == nil && bytes.Equal(d.Issuer, d.Subject); err == nil && !(selfIssued && n == len(chain)-1) {
			b.policies, err = b.policies.Below(d.Extensions, selfIssued)
		}
		if err != nil {
			b.unusable = err
			return b
		}
	}
	return b
}

// unusable is the refusal of everything below a certificate whose name constraints cannot be applied.
func unusable(d *issuance.Details, err error) error {
	of, _, _ := name.Existing(d.Subject)
	f := fault.New(fault.PolicyRefused, "nothing can be issued below %s: %s", of, fault.Of(err).Message).At("caId").
		Do("Use a CA without this constraint. Revocation, CRL and OCSP of this one go on.")
	f.Rule = nameconstraint.Rule
	return f
}

// check refuses what verifiers would refuse because of a CA above. A delegate has a name that fits (delegateName), and what it
// signs for the service is not a matter of policy.
func (b *bounds) check(o order, r *profile.Result) error {
	if b == nil || o.kind != certificate.CA && o.kind != certificate.Subscriber {
		return nil
	}
	if err := b.permit(o.request.Subject, r.SANs); err != nil {
		return err
	}
	if o.kind != certificate.CA {
		return b.policies.Check(r.Extensions)
	}
	_, err := b.policies.Below(r.Extensions, o.request.SelfIssued)
	return err
}

func (b *bounds) permit(subject name.Name, sans []san.GeneralName) error {
	if b.unusable != nil {
		return b.unusable
	}
	for _, n := range b.names {
		if err := n.Check(subject, sans); err != nil {
			return err
		}
	}
	return nil
}
