package wstest_test

import "testing"

func TestStory(t *testing.T) { stalledSender(t) }
