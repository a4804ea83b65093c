package protocolconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Settings are those of a configuration, as the package of its type knows them: a pointer to a struct that is kept as JSON. A
// field that nobody may read again is a Secret.
type Settings interface {
	// Check refuses, with Invalid, what cannot be meant.
	Check() error
}

// none are the settings of a type that has none.
type none struct{}

func (none) Check() error { return nil }

func (t *Type) settings() Settings {
	if t.Settings == nil {
		return &none{}
	}
	return t.Settings()
}

const maxSettings = 64 << 10

// read decodes and checks settings as a caller wrote them.
func (t *Type) read(text string) (Settings, error) {
	var object map[string]json.RawMessage
	if len(text) > maxSettings || json.Unmarshal([]byte(text), &object) != nil || object == nil {
		return nil, fault.New(fault.Invalid, "settings are a JSON object of at most 64 KiB").At("settings")
	}
	set := t.settings()
	known := json.NewDecoder(bytes.NewReader([]byte(text)))
	known.DisallowUnknownFields()
	if err := known.Decode(set); err != nil {
		if _, has := set.(*none); has {
			return nil, fault.New(fault.Invalid, "%s has no settings", t.Label).At("settings")
		}
		return nil, fault.New(fault.Invalid, "these are not settings of %s", t.Label).At("settings").Because(err)
	}
	return set, set.Check()
}

// SettingsOf are the settings of a configuration whose type has settings of type T.
func SettingsOf[T any](c *Configuration) (*T, error) {
	set := new(T)
	return set, json.Unmarshal([]byte(c.Settings), set)
}

// settings are those of a configuration.
func (s *Service) settings(c *Configuration) (Settings, error) {
	set := s.Type(c.Type).settings()
	return set, json.Unmarshal([]byte(c.Settings), set)
}

// keep writes settings into a configuration. Secrets that are new are sealed; the rows are for the transaction that saves the
// configuration: see saveSecrets. A reference to a secret of another configuration is refused.
func (s *Service) keep(ctx context.Context, c *Configuration, set Settings) ([]*secretRow, error) {
	kept, err := s.secretIDs(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var made []*secretRow
	err = eachSecret(reflect.ValueOf(set), func(secret *Secret) error {
		switch {
		case secret.plain != "":
			row, err := s.seal(c.ID, secret.plain)
			if err != nil {
				return err
			}
			made = append(made, row)
			*secret = Secret{id: row.ID}
		case secret.id != "" && !kept[secret.id]:
			return fault.New(fault.Invalid, "the settings refer to a secret that this configuration does not have").
				At("settings").
				Do("Give the secret itself.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	if len(text) > maxSettings {
		return nil, fault.New(fault.Invalid, "settings are a JSON object of at most 64 KiB").At("settings")
	}
	c.Settings = string(text)
	return made, nil
}

// permitSettings refuses settings of a configuration that the caller may not give it. was is nil for a new configuration.
func (s *Service) permitSettings(ctx context.Context, c *Configuration, was Settings) error {
	t := s.Type(c.Type)
	if t.PermitSettings == nil {
		return nil
	}
	is, err := s.settings(c)
	if err != nil {
		return err
	}
	return t.PermitSettings(ctx, c, was, is)
}

// ChangeSettings lets alter change the settings of a configuration of a type: a pointer to what the type's Settings makes.
func (s *Service) ChangeSettings(ctx context.Context, id string, t TypeID, alter func(Settings) error) (*Configuration, error) {
	return s.change(ctx, id, "protocol.update", func(ctx context.Context, c *Configuration, e *audit.Event) error {
		if c.Type != t {
			return rbac.NotFound()
		}
		was, err := s.settings(c)
		if err != nil {
			return err
		}
		is, err := s.settings(c)
		if err != nil {
			return err
		}
		before, text := c.facts(), c.Settings
		if err := alter(is); err != nil {
			return err
		}
		if err := is.Check(); err != nil {
			return err
		}
		made, err := s.keep(ctx, c, is)
		if err != nil {
			return err
		}
		if c.Settings == text {
			return fault.New(fault.Conflict, "nothing is changed").Do("Change something, or leave the settings as they are.")
		}
		if err := s.permitSettings(ctx, c, was); err != nil {
			return err
		}
		e.Summary = "changed the settings of " + c.Identifier
		e.Details = audit.Details{"before": before, "after": c.facts()}
		return s.saveSecrets(ctx, c, made)
	})
}
