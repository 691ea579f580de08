package trace

// Hold locks the channel's own lock until release is called.
func (c *Chan[T]) Hold() (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}
