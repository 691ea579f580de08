package live

// Look returns a function that looks once, as Watch does.
func Look() func() {
	l := newLook()
	return func() { l.again(); l.blocked(); l.forget() }
}
