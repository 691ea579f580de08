package trace

import "go.opentelemetry.io/otel/attribute"

// Hold locks the channel's own lock until release is called.
func (c *Chan[T]) Hold() (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// Place is where the call of its caller is.
func Place() []attribute.KeyValue { return place() }
