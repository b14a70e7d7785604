package kubernetes

import (
	"net/http"
	"strings"
	"testing"
)

// What a proxy says goes to terminals, logs and the table syncs.
func TestAServersWordsArePrintable(t *testing.T) {
	answer := &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/plain; charset=latin1"}}}
	for body, want := range map[string]string{
		"no upstream\nsecond line":                      "no upstream (502)",
		"\x1b[2Jgone\xe9":                               "[2Jgone (502)",
		strings.Repeat("x", 199) + "€ and what follows": strings.Repeat("x", 199) + " (502)",
		`{"kind":"Status","message":"a\nb\u0007"}`:      "a b (502)",
	} {
		if got := readStatusError(answer, strings.NewReader(body)).Error(); got != want {
			t.Errorf("%q becomes %q, want %q", body, got, want)
		}
	}
}
