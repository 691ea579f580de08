package explain

// What text_test.go tests.
var (
	Duration  = duration
	Offset    = offset
	Size      = size
	Plain     = plain
	Headline  = headline
	LastWords = lastWords
)
