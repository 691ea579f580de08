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

// Rules returns all rules in their order.
func Rules() (all []Rule) {
	for _, rule := range rules {
		all = append(all, rule.names...)
	}
	return all
}
