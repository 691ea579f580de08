package lean

// What looks at the SDK's unexported parts.
var (
	Quiet   = quiet
	Gathers = gathers
	Follows = follows
	Refused = refused
)
