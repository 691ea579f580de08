// Package text formats what is in a trace for people: names, durations, sizes. It
// measures their width in columns. Packages chain, explain and sequence use it. All its
// functions are pure.
package text
