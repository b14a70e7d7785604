package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8sq/k8sq/collector"
)

// statusError is an answer other than 2xx.
type statusError struct {
	code       int
	reason     metav1.StatusReason // "" where the answer is no Status
	message    string              // the server's own
	retryAfter time.Duration       // what the server asks for, 0 where it does not
}

func (e *statusError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("%d %s", e.code, http.StatusText(e.code))
	}
	return fmt.Sprintf("%s (%d)", e.message, e.code)
}

// Is makes the provider contract's errors of a server's status.
func (e *statusError) Is(target error) bool {
	switch target {
	case collector.ErrUnauthorized:
		return e.code == http.StatusUnauthorized
	case collector.ErrForbidden:
		return e.code == http.StatusForbidden
	case collector.ErrExpired:
		// Gone is what old servers say where newer ones say Expired: the state of the list is compacted away.
		return e.code == http.StatusGone
	case collector.ErrGone:
		return e.code == http.StatusNotFound || e.code == http.StatusMethodNotAllowed
	}
	return false
}

// maxStatusBytes bounds what is read of a failed request's answer.
const maxStatusBytes = 64 << 10

func readStatusError(answer *http.Response, body io.Reader) *statusError {
	e := &statusError{code: answer.StatusCode}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.retryAfter = time.Duration(seconds) * time.Second
	}
	content, err := io.ReadAll(io.LimitReader(body, maxStatusBytes))
	if err != nil {
		return e
	}
	var status metav1.Status
	if json.Unmarshal(content, &status) == nil && status.Kind == "Status" {
		e.reason, e.message = status.Reason, printable(status.Message)
		if status.Details != nil && e.retryAfter == 0 {
			e.retryAfter = time.Duration(status.Details.RetryAfterSeconds) * time.Second
		}
		return e
	}
	// Something between here and the API server answered: a proxy, a load balancer. Its first line may say why.
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		line, _, _ := strings.Cut(strings.TrimSpace(string(content)), "\n")
		e.message = printable(line[:min(len(line), 200)])
	}
	return e
}

// printable drops from a server's words what a terminal would act upon, and what is cut off of a character.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
}

func isUnauthorized(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusUnauthorized
}

// retryable tells whether the same request may succeed a little later, and how long the server asks to wait.
func retryable(err error) (again bool, wait time.Duration) {
	var final *finalError
	if isCallback(err) || errors.As(err, &final) {
		return false, 0
	}
	var status *statusError
	if errors.As(err, &status) {
		again := status.code == http.StatusTooManyRequests || status.code >= 500 && status.code != http.StatusNotImplemented
		return again, min(status.retryAfter, longestDelay)
	}
	var plugin *pluginError
	if errors.As(err, &plugin) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false, 0
	}
	if isTLS(err) {
		return false, 0
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary || dns.IsTimeout, 0
	}
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "dial" {
		// A refused connection may be a server that restarts. An address where nobody answers has cost its time-out already.
		return errors.Is(err, syscall.ECONNREFUSED), 0
	}
	if errors.Is(err, errSilent) {
		return false, 0
	}
	// What is left is a connection that broke: a reset, an end in the middle, HTTP/2's GOAWAY.
	return isBroken(err), 0
}

// isBroken tells a connection that ended before its answer did. HTTP/2's errors are of no exported type everywhere, hence their text.
func isBroken(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return true
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "http2:") || strings.Contains(text, "stream error:") || strings.Contains(text, "server closed idle connection") ||
		strings.Contains(text, "transport connection broken")
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
		alert        tls.AlertError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &record) || errors.As(err, &alert) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// pluginError is a credential plug-in that did not give credentials.
type pluginError struct{ command, text string }

func (e *pluginError) Error() string {
	return fmt.Sprintf("the credential plug-in %s failed: %s", e.command, e.text)
}

// pluginError tells a plug-in's failure from the server's, by client-go's words, and leaves out what the plug-in printed to standard
// output: that is where its token stands.
func (c *client) pluginError(err error) error {
	if c.plugin == "" {
		return err
	}
	_, text, found := strings.Cut(err.Error(), "getting credentials: ")
	if !found {
		_, text, found = strings.Cut(err.Error(), "exec: ")
	}
	if !found {
		return err
	}
	if strings.HasPrefix(text, "decoding stdout") {
		text = "its output is not an ExecCredential"
	}
	return &pluginError{command: c.plugin, text: strings.TrimPrefix(text, "exec: ")}
}

// explain adds the server's name and what to do about it to an error of the first contact.
func (c *client) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var (
		plugin    *pluginError
		status    *statusError
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	doing, hint := "reach "+c.host(), ""
	switch {
	case errors.As(err, &plugin):
		doing, hint = "authenticate to "+c.host(), "run the command by itself to see what it lacks; what it printed to standard error stands above"
	case errors.As(err, &status) && status.code == http.StatusUnauthorized:
		doing, hint = "authenticate to "+c.host(), "the credentials are missing, expired or of another cluster"
	case errors.As(err, &status):
		doing = "ask " + c.host()
		if status.code >= 300 && status.code < 400 {
			hint = "it sends its clients elsewhere, as a login page does: see whether the address is the API server's own"
		}
	case errors.As(err, &authority):
		hint = "the server's certificate is signed by an authority that is not trusted: give it as ca_file or ca_data, or see whether the kubeconfig is of this cluster"
	case errors.As(err, &hostname):
		hint = "the server's certificate is of another name: see whether the address is right, or set tls-server-name in the kubeconfig"
	case errors.As(err, &invalid):
		hint = "see whether the certificate has expired and whether this machine's clock is right"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		hint = "the server does not speak TLS there: see whether the URL should begin with http://, or the port is another"
	case errors.As(err, &dns):
		hint = "the name is not known here: see whether a VPN is needed, or the cluster still exists"
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "nothing listens there: see whether the cluster runs, and the port"
	case errors.Is(err, io.EOF):
		hint = "the connection was closed without an answer: see whether it is an API server's, and speaks TLS as the URL says"
	case errors.Is(err, errSilent), errors.As(err, &timeout) && timeout.Timeout():
		hint = "nobody answered: see whether a VPN or a firewall stands between"
	}
	if hint != "" {
		return fmt.Errorf("%s: %w (%s)", doing, err, hint)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
