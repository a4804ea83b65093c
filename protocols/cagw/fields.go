package cagw

import (
	json "encoding/json/v2"
	"net/url"
	"slices"
	"strings"
)

// fields is what $fields asks for: members beside those of the default answer, and members to leave out.
type fields struct{ with, without []string }

// optional are the members that an answer can do without.
var optional = []string{
	"events.certificate", "events.reason", "events.detail", "certificate.certificateData", "certificate.subjectPublicKeyInfo",
	"enrollment.chain", "caList.chain", "ca.chain",
	"caList.certificate", "ca.certificate", "chain"}

func readFields(query url.Values) fields {
	var f fields
	for _, path := range strings.Split(query.Get("$fields"), ",") {
		path = strings.TrimSpace(path)
		if left, found := strings.CutPrefix(path, "-"); !found {
			f.with = append(f.with, path)
		} else if slices.Contains(optional, left) && !slices.Contains(f.without, left) {
			f.without = append(f.without, left)
		}
	}
	return f
}

// wants tells whether a member is asked for, by itself or by what is in it.
func (f fields) wants(path string) bool {
	return slices.ContainsFunc(f.with, func(w string) bool { return w == path || strings.HasPrefix(w, path+".") })
}

func (f fields) leaveOut(body []byte) ([]byte, error) {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	for _, path := range f.without {
		drop(answer, strings.Split(path, "."))
	}
	return json.Marshal(answer, json.Deterministic(true))
}

func drop(v any, path []string) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			drop(each, path)
		}
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
		} else {
			drop(v[path[0]], path[1:])
		}
	}
}
