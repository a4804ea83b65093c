package cagw

import (
	_ "embed"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPI []byte

var openAPIJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(openAPI) })

// Our own page around Swagger UI: the one that comes with it shows the pet store.
const swaggerPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>CA Gateway API</title>
<link rel="stylesheet" href="swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script><script src="swagger-initializer.js"></script></body></html>
`

const swaggerInitializer = `window.ui = SwaggerUIBundle({ url: "/cagw/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout" });
`

// reference serves the description of the API and the page to try it in.
func (p Protocol) reference(q *request) (served bool, err error) {
	path := q.URL.Path
	if path != "/cagw/openapi.yaml" && path != "/cagw/openapi.json" && path != "/cagw/swagger-ui" && !strings.HasPrefix(path, "/cagw/swagger-ui/") {
		return false, nil
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		q.w.Header().Set("Allow", "GET")
		return true, refuse(http.StatusMethodNotAllowed, "cagw-4050", "this resource does not know the method %s", printable(q.Method))
	}
	write := func(media string, body []byte) (bool, error) {
		q.w.Header().Set("Content-Type", media)
		_, _ = q.w.Write(body) // the client may have gone
		return true, nil
	}
	switch file := strings.TrimPrefix(path, "/cagw/"); file {
	case "openapi.yaml":
		return write("application/yaml", openAPI)
	case "openapi.json":
		text, err := openAPIJSON()
		if err != nil {
			return true, err
		}
		return write("application/json", text)
	case "swagger-ui":
		http.Redirect(q.w, q.Request, "/cagw/swagger-ui/", http.StatusFound)
		return true, nil
	case "swagger-ui/", "swagger-ui/index.html":
		return write("text/html; charset=utf-8", []byte(swaggerPage))
	case "swagger-ui/swagger-initializer.js":
		return write("text/javascript; charset=utf-8", []byte(swaggerInitializer))
	case "swagger-ui/swagger-ui.css", "swagger-ui/swagger-ui-bundle.js":
		if p.UI != nil {
			if text, err := fs.ReadFile(p.UI, strings.TrimPrefix(file, "swagger-ui/")); err == nil {
				media := "text/css; charset=utf-8"
				if strings.HasSuffix(file, ".js") {
					media = "text/javascript; charset=utf-8"
				}
				return write(media, text)
			}
		}
	}
	return true, refuse(http.StatusNotFound, "cagw-4040", "there is no such resource")
}
