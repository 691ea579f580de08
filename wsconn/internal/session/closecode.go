package session

import "strconv"

// noStatus is the code of a close frame that has none, RFC 6455 §7.1.5.
const noStatus = 1005

// closeErrorType returns the error.type of a close code. It is "" for a normal
// closure, which includes one without a code, as a browser's close() sends.
func closeErrorType(code int) string {
	if code == 1000 || code == 1001 || code == noStatus {
		return ""
	}
	return strconv.Itoa(code)
}

// closeText describes a close frame with a code.
func closeText(code int) string {
	text := "close frame " + strconv.Itoa(code)
	if meaning := meanings[code]; meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

// meanings are the meanings of close codes in RFC 6455 §7.4.1 and in IANA's registry.
var meanings = map[int]string{
	1002: "protocol error",
	1003: "unsupported data",
	1007: "invalid payload data",
	1008: "policy violation",
	1009: "message too big",
	1010: "mandatory extension",
	1011: "internal error",
	1012: "service restart",
	1013: "try again later",
	1014: "bad gateway",
}
