package server

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
)

// CreateACMEKey makes an external account key of a configuration and prints its identifier, its HMAC key and the directory,
// a line each; of one without binding there is no HMAC key. A server may run beside it.
func CreateACMEKey(
	ctx context.Context, cfg *Config, partitionID, configuration, name string, allowed []string, preauthorized, withoutBinding bool,
	maxAccounts int, expires time.Time, out io.Writer,
) error {
	k := acme.NewKey{
		FriendlyName: name, Allowed: allowed, Preauthorized: preauthorized, WithoutBinding: withoutBinding, MaxAccounts: maxAccounts,
	}
	if !expires.IsZero() {
		k.ExpiresAt = &expires
	}
	return command(ctx, cfg, func(ctx context.Context, a *App) error {
		c, err := a.configurations.ByIdentifier(ctx, partitionID, configuration)
		if err != nil {
			return err
		}
		made, secret, err := a.acmeAdmin.CreateKey(ctx, c.ID, k)
		if err != nil {
			return err
		}
		if withoutBinding {
			fmt.Fprintf(out, "Key: %s\nDirectory: %s\n", made.ID, acme.DirectoryURL(a.cfg.BaseURL, c))
			return nil
		}
		fmt.Fprintf(out, "EAB identifier: %s\nEAB HMAC key: %s\nDirectory: %s\n", made.ID, secret, acme.DirectoryURL(a.cfg.BaseURL, c))
		return nil
	})
}
