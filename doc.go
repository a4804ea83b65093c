// Package pkiaas is the root of the module: its test keeps the architecture.
package pkiaas
