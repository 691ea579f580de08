//go:build race

package otlp_test

// allowed is larger under the race detector, with which a sync.Pool drops items.
const allowed = 1.5
