// Package seal keeps secrets unreadable in the database.
package seal

import (
	"context"
	"fmt"

	"github.com/pkiaas/pkiaas/store"
)

// Sealer encrypts under the key-encryption key; *keystore.KEK is one.
type Sealer interface {
	// Seal binds what it encrypts to a purpose and to additional data: here, the id of the row.
	Seal(purpose string, plaintext, additional []byte) ([]byte, error)
	Unseal(purpose string, sealed, additional []byte) ([]byte, error)
	// Current tells whether something was sealed with the key that seals now.
	Current(sealed []byte) bool
}

// Column holds sealed secrets; its rows are known by the column id.
type Column struct{ Table, Name, Purpose string }

const batch = 500

// Reseal seals what was not sealed with the present key anew and returns how much that was. It may be repeated at any
// time, and does not disturb who uses the rows meanwhile.
func (c Column) Reseal(ctx context.Context, s *store.Store, sealer Sealer) (int, error) {
	changed, last := 0, ""
	for {
		var rows []struct {
			ID     string
			Sealed []byte
		}
		if err := s.DB(ctx).Table(c.Table).Select("id, "+c.Name+" AS sealed").Where("id > ? AND "+c.Name+" IS NOT NULL", last).Order("id").Limit(batch).Scan(&rows).Error; err != nil {
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
				// A row that was changed meanwhile was sealed with a key of its moment, and is found the next time.
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
