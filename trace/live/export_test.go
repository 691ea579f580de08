package live

import "net/http"

// HandlerOf returns a handler that shows the views of snapshot. The argument stacks says
// whether the request asks for stacks.
func HandlerOf(snapshot func(stacks bool) *View) http.Handler {
	return newHandler(func(opts ...Option) *View {
		var c config
		for _, o := range opts {
			o(&c)
		}
		return snapshot(c.stacks)
	})
}
