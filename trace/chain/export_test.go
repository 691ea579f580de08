package chain

// For the tests of the pieces.
var (
	Human     = human
	Offset    = offset
	Printable = printable
	BytesText = bytesText
	Clip      = clip
)
