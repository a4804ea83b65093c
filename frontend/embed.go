// Package frontend holds the built console. go:embed cannot reach upwards, so the folder embeds its own dist.
package frontend

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built console; empty before `npm run build`.
func Dist() (fs.FS, error) { return fs.Sub(dist, "dist") }

// Swagger is the reference of the CA Gateway API: Swagger UI and a page of our own that starts it with /cagw/openapi.json,
// for the address /cagw/swagger-ui. Empty before `npm run build`.
func Swagger() (fs.FS, error) { return fs.Sub(dist, "dist/swagger") }
