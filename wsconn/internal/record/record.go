// Package record scans the headers of a client's TLS records, to find where its part of the
// TLS handshake ends and its data begins.
package record

import "encoding/binary"

// Types of records, RFC 8446 §5.1.
const (
	changeCipherSpec = 20
	handshake        = 22
	applicationData  = 23
)

// IsHandshake reports whether b is the first byte of a connection that begins
// with a TLS handshake. No HTTP request begins with it.
func IsHandshake(b byte) bool { return b == handshake }

// Scanner scans the bytes from a client, from the first one on. The zero Scanner is ready.
// It copies only headers, and allocates nothing. It is not safe for concurrent use.
type Scanner struct {
	header   [5]byte // type, version, length
	n        int     // bytes of the header that were scanned
	left     int     // bytes of the record that were not
	previous byte    // type of the record before
	finished bool
}

// Scan scans p, the next bytes. It reports whether the client's Finished message ended
// in p, and whether p holds a part of a record of application data after that. If
// Finished cannot be distinguished from the records around it, neither is ever
// reported.
func (s *Scanner) Scan(p []byte) (finished, data bool) {
	for len(p) > 0 {
		if s.n < len(s.header) {
			n := copy(s.header[s.n:], p)
			s.n, p = s.n+n, p[n:]
			if s.n < len(s.header) {
				break
			}
			s.left = s.length()
		}
		n := min(s.left, len(p))
		s.left, p = s.left-n, p[n:]
		data = data || s.finished && s.header[0] == applicationData
		if s.left > 0 {
			break
		}
		if !s.finished && s.isFinished() {
			s.finished, finished = true, true
		}
		s.previous, s.n = s.header[0], 0
	}
	return finished, data
}

func (s *Scanner) length() int { return int(binary.BigEndian.Uint16(s.header[3:])) }

// isFinished reports whether the record holds a Finished message, which is encrypted,
// so that only its length shows it.
//
// In TLS 1.2 it is the handshake record after ChangeCipherSpec: 12 bytes with a header, and
// at most 80 that a cipher suite adds. In TLS 1.3 the client's second hello may be there,
// which has more than 140.
//
// In TLS 1.3 it looks like application data, but no other record that a client sends before
// it has the same length: four bytes of header, the hash of the cipher suite, the type and
// the tag.
func (s *Scanner) isFinished() bool {
	const sha256, sha384, around = 32, 48, 4 + 1 + 16
	switch s.header[0] {
	case handshake:
		return s.previous == changeCipherSpec && s.length() <= 4+12+80
	case applicationData:
		return s.length() == sha256+around || s.length() == sha384+around
	default:
		return false
	}
}
