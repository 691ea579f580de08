//go:build race

package otlp_test

// allowed is what the race detector adds, which drops what is pooled.
const allowed = 1.5
