// Package text formats the contents of a trace for people: names, durations and sizes. It
// also measures their width in columns. All its functions are pure.
package text
