// Package emitted holds the golden files of what this module exports: spans and
// metrics of scenarios that run in a testing/synctest bubble, as the SDK's
// provider and package lean's make them. Both compare with the same files.
//
// A change of what is emitted is a change of a golden file: write it with
//
//	go test ./internal/emitted -update
//
// and read every line of the difference.
package emitted
