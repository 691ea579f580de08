package trace

import "go.opentelemetry.io/otel/attribute"

// Hold locks the channel's own lock until release is called.
func (c *Chan[T]) Hold() (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// Place returns the place of its caller's call.
func Place() []attribute.KeyValue { return place() }
