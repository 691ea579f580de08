package outcome_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/internal/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOf(t *testing.T) {
	one, two, three := errors.New("one"), errors.New("two"), errors.New("three")
	of := func(known error, o outcome.Outcome) func(error) (outcome.Outcome, bool) {
		return func(err error) (outcome.Outcome, bool) { return o, errors.Is(err, known) }
	}
	if o, ok := outcome.Of(one); ok {
		t.Errorf("got %+v of an error that nobody knows", o)
	}
	outcome.Register(of(one, outcome.Outcome{Type: "first", Text: "the first"}))
	outcome.Register(of(two, outcome.Outcome{}))
	outcome.Register(of(one, outcome.Outcome{Type: "late"}))
	for _, test := range []struct {
		err  error
		want outcome.Outcome
		ok   bool
	}{
		{one, outcome.Outcome{Type: "first", Text: "the first"}, true},
		{two, outcome.Outcome{}, true},
		{three, outcome.Outcome{}, false},
	} {
		if got, ok := outcome.Of(test.err); got != test.want || ok != test.ok {
			t.Errorf("%v: got %+v, %t, want %+v, %t", test.err, got, ok, test.want, test.ok)
		}
	}
}
