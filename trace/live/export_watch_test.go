package live

// Look returns what looks as Watch does.
func Look() func() {
	l := newLook()
	return func() { l.again(); l.blocked(); l.forget() }
}
