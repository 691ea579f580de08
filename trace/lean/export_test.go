package lean

// Functions that read unexported parts of the SDK.
var (
	Quiet   = quiet
	Gathers = gathers
	Follows = follows
	Refused = refused
)
