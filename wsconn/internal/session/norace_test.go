//go:build !race

package session_test

const race = false
