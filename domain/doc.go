// Package domain holds one folder a noun: what the product does, without how it is reached.
package domain
