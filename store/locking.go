package store

import "gorm.io/gorm/clause"

var (
	forUpdate           = clause.Locking{Strength: clause.LockingStrengthUpdate}
	forUpdateSkipLocked = clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked}
)
