// Package text writes for people what is in a trace: names, durations, sizes,
// and measures it in columns. It is what packages chain, explain and sequence
// have in common. All its functions are pure.
package text
