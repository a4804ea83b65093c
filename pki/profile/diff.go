package profile

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Change is a difference between two profiles. Before and After are JSON; "" = absent.
type Change struct{ Path, Before, After string }

// Diff lists the differences between two profiles, by path. For lists it names the added and removed entries, or both
// lists if only the order differs.
func Diff(before, after *Profile) []Change {
	return differences("", tree(before.JSON()), tree(after.JSON()))
}

func tree(text []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		panic(err) // encoded from JSON
	}
	return object
}

func differences(prefix string, before, after map[string]any) []Change {
	var changes []Change
	members := maps.Clone(before)
	maps.Copy(members, after)
	for _, member := range slices.Sorted(maps.Keys(members)) {
		path, b, a := prefix+member, before[member], after[member]
		if text(b) == text(a) {
			continue
		}
		bo, isObject := b.(map[string]any)
		ao, both := a.(map[string]any)
		bl, isList := b.([]any)
		al, lists := a.([]any)
		switch {
		case isObject && both:
			changes = append(changes, differences(path+".", bo, ao)...)
		case isList && lists || isList && a == nil || b == nil && lists:
			changes = append(changes, entries(path, bl, al)...)
		default:
			changes = append(changes, Change{path, text(b), text(a)})
		}
	}
	return changes
}

func entries(path string, before, after []any) []Change {
	var changes []Change
	in := func(list []any, one any) bool {
		return slices.ContainsFunc(list, func(other any) bool { return text(other) == text(one) })
	}
	for _, one := range before {
		if !in(after, one) {
			changes = append(changes, Change{path, text(one), ""})
		}
	}
	for _, one := range after {
		if !in(before, one) {
			changes = append(changes, Change{path, "", text(one)})
		}
	}
	if len(changes) > 0 {
		return changes
	}
	whole := func(list []any) string {
		if list == nil {
			return ""
		}
		return text(list)
	}
	return []Change{{path, whole(before), whole(after)}}
}

func text(v any) string {
	if v == nil {
		return ""
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // decoded from JSON
	}
	return string(bytes.TrimSpace(out.Bytes()))
}
