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
