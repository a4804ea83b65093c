package profile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// schema implements as much of JSON Schema 2020-12 as schema.json uses. An unknown keyword fails the test.
type schema map[string]any

func (s schema) check(root schema, at string, value any) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, rule := range s {
		switch keyword {
		case "$schema", "title", "description", "default", "$defs", "required", "additionalProperties":
		case "$ref":
			target := root["$defs"].(map[string]any)[strings.TrimPrefix(rule.(string), "#/$defs/")].(map[string]any)
			problems = append(problems, schema(target).check(root, at, value)...)
		case "type":
			types, ok := rule.([]any)
			if !ok {
				types = []any{rule}
			}
			if !slices.Contains(types, any(typeName(value))) {
				add("is %s, not %v", typeName(value), rule)
			}
		case "enum":
			if !slices.Contains(rule.([]any), value) {
				add("%v is none of %v", value, rule)
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(strings.ReplaceAll(rule.(string), "(?=.)", "")).MatchString(text) {
				add("%q does not match %s", text, rule)
			}
		case "minLength", "maxLength":
			if text, ok := value.(string); ok && (float64(utf8.RuneCountInString(text)) < rule.(float64)) == (keyword == "minLength") &&
				float64(utf8.RuneCountInString(text)) != rule.(float64) {
				add("length %d breaks %s", len(text), keyword)
			}
		case "minimum", "maximum":
			if n, ok := value.(float64); ok && (n < rule.(float64)) == (keyword == "minimum") && n != rule.(float64) {
				add("%v breaks %s", n, keyword)
			}
		case "minItems", "maxItems":
			if list, ok := value.([]any); ok && (float64(len(list)) < rule.(float64)) == (keyword == "minItems") &&
				float64(len(list)) != rule.(float64) {
				add("%d entries break %s", len(list), keyword)
			}
		case "uniqueItems":
			list, _ := value.([]any)
			for i, one := range list {
				if slices.Contains(list[:i], one) {
					add("%v stands twice", one)
				}
			}
		case "items":
			list, _ := value.([]any)
			for i, one := range list {
				problems = append(problems, schema(rule.(map[string]any)).check(root, fmt.Sprintf("%s[%d]", at, i), one)...)
			}
		case "contains":
			list, ok := value.([]any)
			if ok && !slices.ContainsFunc(
				list, func(one any) bool { return len(schema(rule.(map[string]any)).check(root, at, one)) == 0 },
			) {
				add("lacks an entry")
			}
		case "oneOf":
			matches := 0
			for _, option := range rule.([]any) {
				if len(schema(option.(map[string]any)).check(root, at, value)) == 0 {
					matches++
				}
			}
			if matches != 1 {
				add("matches %d of the forms", matches)
			}
		case "properties":
			object, _ := value.(map[string]any)
			for member, one := range object {
				if known, ok := rule.(map[string]any)[member]; ok {
					problems = append(problems, schema(known.(map[string]any)).check(root, at+"."+member, one)...)
				} else if s["additionalProperties"] == false {
					add("%s does not exist", member)
				}
			}
			required, _ := s["required"].([]any)
			for _, member := range required {
				if _, ok := object[member.(string)]; !ok {
					add("%s is missing", member)
				}
			}
		default:
			add("the test does not know the keyword %s", keyword)
		}
	}
	return problems
}

func typeName(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if value == float64(int(value)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// durationPattern is the schema's pattern without look-aheads, which RE2 does not support.
var durationPattern = func() *regexp.Regexp {
	var s struct {
		Defs map[string]struct{ Pattern string } `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &s); err != nil {
		panic(err)
	}
	return regexp.MustCompile(strings.ReplaceAll(s.Defs["duration"].Pattern, "(?=.)", ""))
}()

func TestSchemaDescribesEveryBuiltin(t *testing.T) {
	var s schema
	if err := json.Unmarshal(Schema, &s); err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) []string {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		return s.check(s, "$", value)
	}
	for _, p := range Builtin() {
		file, err := builtinFiles.ReadFile("builtin/" + p.ID + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{file, p.JSON()} {
			if problems := check(text); len(problems) > 0 {
				t.Errorf("%s: %s", p.ID, strings.Join(problems, "; "))
			}
		}
	}
	// The schema refuses what Parse refuses, so that a form based on it shows the same errors.
	for _, text := range []string{
		replaced(`"web"`, `"WEB"`), replaced(`"ISSUING"`, ``), replaced(`ISSUING`, `X`), replaced(`P1Y`, `1Y`),
		replaced(`2.5.29.15.0`, `1.2.3`), replaced(`SUBSCRIBER`, `X`),
		with(`"colour":"red"`), with(`"allowed_extensions":["x"]`), with(
			`"allowed_extensions":[{"oid":"1.2.3","critical":"MAYBE"}]`,
		), with(`"key_algorithms":["RSA-1024"]`),
		with(`"required_san_types":["DNS"]`), with(`"subject_rules":[{}]`), with(
			`"subject_rules":[{"attribute":"CN","presence":"YES"}]`,
		), with(`"subject_rules":[{"attribute":"CN","regex":"x"}]`),
		with(
			`"other_subject_attributes":"SOME"`,
		), with(`"san_rules":[{"type":"DNS"}]`), with(
			`"san_rules":[{"suffixes":["a"]}]`,
		), with(`"san_rules":[{"type":"URI","patterns":[""]}]`), with(`"ca_constraint":{"pathlen":0}`), with(`"server_side_keys":"yes"`),
	} {
		if len(check([]byte(text))) == 0 {
			t.Errorf("the schema accepts %s", text)
		}
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("Parse accepts %s", text)
		}
	}
	if problems := check([]byte(minimal)); len(problems) > 0 {
		t.Errorf("minimal: %v", problems)
	}
	// Lists that exist in both places.
	properties := s["properties"].(map[string]any)
	listed := properties["key_algorithms"].(map[string]any)["items"].(map[string]any)["enum"].([]any)
	if fmt.Sprint(listed) != fmt.Sprint(KeyAlgorithmNames()) {
		t.Errorf("key algorithms %v in the schema, %v in the code", listed, KeyAlgorithmNames())
	}
}
