package store

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ForUpdate locks the rows of the query until the end of the transaction. SQLite has a single writer and needs no
// locks.
func (s *Store) ForUpdate(db *gorm.DB) *gorm.DB {
	return s.lock(db, clause.Locking{Strength: clause.LockingStrengthUpdate})
}

// ForShare prevents changes to the rows of the query until the end of the transaction.
func (s *Store) ForShare(db *gorm.DB) *gorm.DB {
	return s.lock(db, clause.Locking{Strength: clause.LockingStrengthShare})
}

// SkipLocked is ForUpdate for a queue: it skips rows locked by others.
func (s *Store) SkipLocked(db *gorm.DB) *gorm.DB {
	return s.lock(db, clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
}

func (s *Store) lock(db *gorm.DB, l clause.Locking) *gorm.DB {
	if s.PostgreSQL() {
		return db.Clauses(l)
	}
	return db
}
