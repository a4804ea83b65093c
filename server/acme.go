package server

import (
	"context"
	"encoding/json"

	"github.com/pkiaas/pkiaas/domain/acme"
	protocol "github.com/pkiaas/pkiaas/protocols/acme"
	"github.com/pkiaas/pkiaas/protocols/acme/va"
)

// validation has the challenges of ACME proved over the network.
type validation struct{ authority *va.Authority }

func (v validation) Validate(ctx context.Context, c acme.Validation) (string, *acme.Problem) {
	record, problem := v.authority.Validate(
		ctx,
		va.Challenge{
			Type: c.Type, Identifier: va.Identifier(c.Identifier), Token: c.Token, KeyAuthorization: c.KeyAuthorization,
			Wildcard: c.Wildcard, AccountURI: c.AccountURL,
		},
	)
	tried, err := json.Marshal(record)
	if err != nil {
		tried = nil // what was found counts, not its record
	}
	if problem != nil {
		return string(tried), acme.NewProblem(problem.Type, "%s", problem.Detail)
	}
	return string(tried), nil
}

func (a *App) acmeProtocol() protocol.Protocol {
	return protocol.Protocol{
		Engine: a.acme, Configurations: a.configurations, Limits: acmeLimits{a.visitors, a.limiter}, Log: a.log, BaseURL: a.cfg.BaseURL,
		CAA:       a.acme.Validator.(validation).authority.CAA,
		RequestID: func(ctx context.Context) string { return infoFrom(ctx).id }}
}
