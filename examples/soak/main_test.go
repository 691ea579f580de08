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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := table{enough: cancel}
	if err := run(ctx, &out, 700*time.Millisecond, 6); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"healthy", "slow", "failing", lastState, "left: 0 goroutines more than before, 0 connections; failed: 0 bare, 0 traced"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no %q:\n%s", want, &out)
		}
	}
}

const lastState = "blocked"

// table is what a soak prints. It calls enough at the row of the last state.
type table struct {
	strings.Builder
	enough func()
}

func (t *table) Write(p []byte) (int, error) {
	if strings.Contains(string(p), lastState) {
		t.enough()
	}
	return t.Builder.Write(p)
}
