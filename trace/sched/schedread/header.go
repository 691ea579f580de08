package schedread

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Oldest and newest minor versions of Go whose traces can be read.
const (
	oldest = 22
	newest = 26
)

// header reads the minor version of Go from the header of a trace. It returns a reader of
// the whole trace.
func header(r io.Reader) (minor int, all io.Reader, err error) {
	in := bufio.NewReader(r)
	head, err := in.Peek(16)
	text, ok := strings.CutPrefix(strings.TrimRight(string(head), "\x00"), "go 1.")
	text, named := strings.CutSuffix(text, " trace")
	minor, notNumber := strconv.Atoi(text)
	switch {
	case !ok || !named || notNumber != nil:
		if err == nil || err == io.EOF {
			return 0, nil, fmt.Errorf("schedread: this is no execution trace of Go")
		}
		return 0, nil, fmt.Errorf("schedread: %w", err)
	case minor < oldest:
		return 0, nil, fmt.Errorf("schedread: a trace of Go 1.%d or before 1.%d; those of Go 1.%d to 1.%d are read", minor, oldest, oldest, newest)
	case minor > newest:
		return 0, nil, fmt.Errorf("schedread: a trace of Go 1.%d; those of Go 1.%d to 1.%d are read: a newer wakechain may know it", minor, oldest, newest)
	}
	return minor, in, nil
}
