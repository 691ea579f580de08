package live

import "net/http"

// HandlerOf returns a handler of the views that snapshot returns. Its argument is
// whether stacks are asked for.
func HandlerOf(snapshot func(stacks bool) *View) http.Handler {
	return newHandler(func(opts ...Option) *View {
		var c config
		for _, o := range opts {
			o(&c)
		}
		return snapshot(c.stacks)
	})
}
