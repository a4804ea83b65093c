package cagw

import (
	_ "embed"
	"net/http"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPI []byte

var openAPIJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(openAPI) })

// reference serves the description of the API.
func (p Protocol) reference(q *request) (served bool, err error) {
	media, text := "application/yaml", openAPI
	switch q.URL.Path {
	case "/cagw/openapi.yaml":
	case "/cagw/openapi.json":
		media = "application/json"
		if text, err = openAPIJSON(); err != nil {
			return true, err
		}
	default:
		return false, nil
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		q.w.Header().Set("Allow", http.MethodGet)
		return true, NoSuchMethod(q.Method)
	}
	q.w.Header().Set("Content-Type", media)
	_, _ = q.w.Write(text) // the client may have gone
	return true, nil
}
