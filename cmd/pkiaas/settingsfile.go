package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// fileSettings holds the settings of the configuration file by flag name.
type fileSettings map[string]any

// settingsFile reads a JSON object whose members are named like the flags. Underscores and hyphens are equivalent.
func settingsFile(r io.Reader) (kong.Resolver, error) {
	members := map[string]any{}
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("the configuration file is not a JSON object: %w", err)
	}
	settings := fileSettings{}
	for name, value := range members {
		settings[strings.ReplaceAll(name, "_", "-")] = value
	}
	return settings, nil
}

// Validate refuses unknown settings, so that a misspelt security setting is not silently ignored.
func (s fileSettings) Validate(app *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error { // what is visited returns no error
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	for name := range s {
		if !known[name] {
			return fmt.Errorf(
				"the configuration file has %q, which is not a setting: settings are named like the flags, see docs/configuration.md",
				name,
			)
		}
	}
	return nil
}

func (s fileSettings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	switch value := s[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		var words []string
		for _, v := range value {
			words = append(words, fmt.Sprint(v))
		}
		separator := ","
		if flag.Tag.Sep != -1 && flag.Tag.Sep != 0 {
			separator = string(flag.Tag.Sep)
		}
		return strings.Join(words, separator), nil
	default:
		return fmt.Sprint(value), nil
	}
}
