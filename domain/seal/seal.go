// Package seal encrypts secrets in the database.
package seal

import (
	"context"
	"fmt"

	"github.com/pkiaas/pkiaas/store"
)

// Sealer encrypts under the key-encryption key. It is implemented by *keystore.KEK.
type Sealer interface {
	// Seal encrypts plaintext for a purpose and binds it to additional data: here, the ID of the row.
	Seal(purpose string, plaintext, additional []byte) ([]byte, error)
	Unseal(purpose string, sealed, additional []byte) ([]byte, error)
	// Current tells whether sealed was encrypted with the current key.
	Current(sealed []byte) bool
}

// Column holds sealed secrets in rows identified by the column id.
type Column struct{ Table, Name, Purpose string }

const batch = 500

// Reseal re-encrypts what was not sealed with the current key, and returns the number of rows changed. It can be
// repeated and can run while the rows are in use.
func (c Column) Reseal(ctx context.Context, s *store.Store, sealer Sealer) (int, error) {
	changed, last := 0, ""
	for {
		var rows []struct {
			ID     string
			Sealed []byte
		}
		if err := s.DB(ctx).Table(c.Table).Select("id, "+c.Name+" AS sealed").Where(
			"id > ? AND "+c.Name+" IS NOT NULL", last,
		).Order("id").Limit(batch).Scan(&rows).Error; err != nil {
			return changed, err
		}
		if len(rows) == 0 {
			return changed, nil
		}
		err := s.Tx(ctx, func(ctx context.Context) error {
			for _, row := range rows {
				last = row.ID
				if len(row.Sealed) == 0 || sealer.Current(row.Sealed) {
					continue
				}
				secret, err := sealer.Unseal(c.Purpose, row.Sealed, []byte(row.ID))
				if err != nil {
					return fmt.Errorf("%s %s: %w", c.Table, row.ID, err)
				}
				sealed, err := sealer.Seal(c.Purpose, secret, []byte(row.ID))
				clear(secret)
				if err != nil {
					return err
				}
				// A row changed meanwhile was sealed with the key of that moment. The next run finds it if necessary.
				update := s.DB(ctx).Table(c.Table).Where("id = ? AND "+c.Name+" = ?", row.ID, row.Sealed).Update(c.Name, sealed)
				if update.Error != nil {
					return update.Error
				}
				changed += int(update.RowsAffected)
			}
			return nil
		})
		if err != nil {
			return changed, err
		}
	}
}
