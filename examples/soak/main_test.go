package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A short soak has a row for each state of the exporter, and leaves nothing.
func TestSoak(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var out strings.Builder
	if err := run(ctx, &out, 700*time.Millisecond, 6); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"healthy", "slow", "failing", "blocked", "left: 0 goroutines more than before, 0 connections; failed: 0 bare, 0 traced"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no %q:\n%s", want, &out)
		}
	}
}
