package protocolconfig

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/rbac"
)

// Secret is a field of settings that is kept sealed in a row of its own. The settings, and whatever is made of them (events,
// answers, logs, exports), hold only a reference. In JSON a caller gives the secret as a string, or the reference as it was
// shown to leave it as it is; null and "" take it away. Mark the field `omitzero`.
type Secret struct {
	id    string // of the row
	plain string // until it is sealed
}

// NewSecret is a secret to be kept.
func NewSecret(plain string) Secret { return Secret{plain: plain} }

// IsSet tells whether there is one.
func (s Secret) IsSet() bool { return s != Secret{} }

// IsZero is for omitzero.
func (s Secret) IsZero() bool { return !s.IsSet() }

// String tells whether there is one; it is all that is ever printed.
func (s Secret) String() string {
	if s.IsSet() {
		return "set"
	}
	return "not set"
}

// GoString is String for %#v.
func (s Secret) GoString() string { return s.String() }

type secretReference struct {
	Secret string `json:"secret"`
}

// MarshalJSON writes the reference, and fails for a secret that is not sealed.
func (s Secret) MarshalJSON() ([]byte, error) {
	switch {
	case s.plain != "":
		return nil, errors.New("a secret that is not sealed cannot be written")
	case s.id == "":
		return []byte("null"), nil
	}
	return json.Marshal(secretReference{s.id})
}

// UnmarshalJSON reads a secret, or a reference to one that is kept. Its error never holds what was read.
func (s *Secret) UnmarshalJSON(text []byte) error {
	*s = Secret{}
	if json.Unmarshal(text, &s.plain) == nil { // null leaves it empty
		return nil
	}
	s.plain = ""
	var reference secretReference
	if json.Unmarshal(text, &reference) != nil || reference.Secret == "" {
		return errors.New("a secret is a string, or the reference to one")
	}
	s.id = reference.Secret
	return nil
}

// eachSecret calls fn for the secrets of settings, wherever they are in them.
func eachSecret(v reflect.Value, fn func(*Secret) error) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return eachSecret(v.Elem(), fn)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Secret]() {
			return fn(v.Addr().Interface().(*Secret))
		}
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				if err := eachSecret(v.Field(n), fn); err != nil {
					return err
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for n := range v.Len() {
			if err := eachSecret(v.Index(n), fn); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() { // what is in a map cannot be changed in its place
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			if err := eachSecret(value, fn); err != nil {
				return err
			}
			v.SetMapIndex(key, value)
		}
	}
	return nil
}

type secretRow struct {
	ID              string `gorm:"primaryKey"`
	ConfigurationID string
	Secret          []byte // sealed
	CreatedAt       time.Time
}

func (secretRow) TableName() string { return "protocol_secrets" }

const secretPurpose = "protocol setting"

// Sealed are the columns that hold secrets.
func Sealed() []seal.Column {
	return []seal.Column{{Table: "protocol_secrets", Name: "secret", Purpose: secretPurpose}}
}

func (s *Service) seal(configurationID, plain string) (*secretRow, error) {
	row := &secretRow{ID: rand.Text(), ConfigurationID: configurationID, CreatedAt: s.Now()}
	var err error
	row.Secret, err = s.Sealer.Seal(secretPurpose, []byte(plain), []byte(row.ID))
	return row, err
}

func (s *Service) secretIDs(ctx context.Context, configurationID string) (map[string]bool, error) {
	var ids []string
	err := s.Store.DB(ctx).Model(&secretRow{}).Where("configuration_id = ?", configurationID).Pluck("id", &ids).Error
	kept := map[string]bool{}
	for _, id := range ids {
		kept[id] = true
	}
	return kept, err
}

// saveSecrets adds the rows of new secrets, and deletes those that the settings no longer refer to.
func (s *Service) saveSecrets(ctx context.Context, c *Configuration, made []*secretRow) error {
	set, err := s.settings(c)
	if err != nil {
		return err
	}
	used := []string{""} // never an empty list, which SQL does not have
	if err := eachSecret(reflect.ValueOf(set), func(secret *Secret) error {
		used = append(used, secret.id)
		return nil
	}); err != nil {
		return err
	}
	if err := s.Store.DB(ctx).Where("configuration_id = ? AND id NOT IN ?", c.ID, used).Delete(&secretRow{}).Error; err != nil ||
		len(made) == 0 {
		return err
	}
	return s.Store.DB(ctx).Create(&made).Error
}

// Reveal is a secret of a configuration in clear, for the protocol that acts for it. "" where it is not set.
func (s *Service) Reveal(ctx context.Context, c *Configuration, secret Secret) (string, error) {
	if err := s.Guard.RequireOn(ctx, rbac.CertificateIssue, rbac.On{Partition: c.PartitionID, Configuration: c.ID}); err != nil {
		return "", err
	}
	if secret.id == "" {
		return secret.plain, nil
	}
	var rows []*secretRow
	if err := s.Store.DB(ctx).Where("id = ? AND configuration_id = ?", secret.id, c.ID).Find(&rows).Error; err != nil {
		return "", err
	}
	if len(rows) == 0 { // changed meanwhile
		return "", fault.New(fault.Conflict, "the settings of %s were changed", c.Identifier).Do("Try again.")
	}
	plain, err := s.Sealer.Unseal(secretPurpose, rows[0].Secret, []byte(rows[0].ID))
	return string(plain), err
}
