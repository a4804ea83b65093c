package server

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
)

// ACMEKey is what a client of ACME is told.
type ACMEKey struct {
	Directory string // URL
	KID       string
	HMAC      string // base64url
}

// ACMERequest is what is made.
type ACMERequest struct {
	PartitionID, Identifier, CAID, Profile, Settings string
	KeyName                                          string
	Preauthorized                                    bool // for names below test
}

// NewACME makes an ACME configuration and an external account key for it beside the running servers of a database: for
// conformance tests and benchmarks, whose load needs other settings than people choose.
func NewACME(ctx context.Context, cfg *Config, r ACMERequest) (made ACMEKey, err error) {
	err = command(ctx, cfg, func(ctx context.Context, a *App) error {
		c, err := a.configurations.Create(
			ctx,
			protocolconfig.Request{
				PartitionID: r.PartitionID, Identifier: r.Identifier, Type: acme.TypeID, Offerings: protocolconfig.One(r.CAID, r.Profile),
				Settings: r.Settings,
			},
		)
		if err != nil {
			return err
		}
		k := acme.NewKey{FriendlyName: r.KeyName, Preauthorized: r.Preauthorized}
		if k.Preauthorized {
			k.Allowed = []string{"*.test"}
		}
		key, secret, err := a.acmeAdmin.CreateKey(ctx, c.ID, k)
		if err == nil {
			made = ACMEKey{acme.DirectoryURL(cfg.BaseURL, c), key.ID, secret}
		}
		return err
	})
	return made, err
}
