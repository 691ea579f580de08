package session

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/wakechain/wakechain/trace"
)

// Handle runs fn as the goroutine of a connection that a Handler has accepted for r, on
// the calling goroutine. Then it closes the connection with closer: with 1000 if fn
// returned nil, with 1001 if fn's context ended, and otherwise, also after a panic, with
// 1011. It does not recover a panic. An error is passed to the functions of WithOnError,
// unless it is a normal end or fn's context has ended.
func (s *Session) Handle(ctx context.Context, cfg *Config, r *http.Request, fn func(context.Context) error, closer func(code int) error) {
	_ = trace.Handle(ctx, cfg.NameFor(r), func(ctx context.Context) error {
		s.base = ctx
		code := 1011 // of a panic
		defer func() { _ = closer(code) }()
		err := fn(ctx)
		switch {
		case err == nil:
			code = 1000
		case ctx.Err() != nil:
			code = 1001
			if errors.Is(err, net.ErrClosed) { // because ctx ended
				err = ctx.Err()
			}
		case s.ErrorType(err) != "":
			cfg.Failed(ctx, r, err)
		}
		return err
	}, trace.WithErrorType(s.ErrorType))
}
