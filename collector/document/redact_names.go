package document

import (
	"bytes"
	"encoding/base64"
)

// sensitivity says how much the name of a variable, an entry or a flag tells of its value.
type sensitivity uint8

const (
	harmless  sensitivity = iota
	doubtful              // it says secret or key: a secret, or the name of one
	sensitive             // it says password, token, credential …
)

// maxName is how much of a name is looked at, from its end.
const maxName = 128

// judge tells what a name says of its value, and the name's last word, which may take it back (innocent). Words are what stands between
// characters that are neither letters nor digits, and between the humps of camelCase: DB_PASSWORD, dbPassword, db.password. Digits at a word's end do
// not count. The last word is valid until the next call.
func (r *redaction) judge(name []byte) (found sensitivity, last []byte) {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	if !maySay(name) {
		return harmless, nil
	}
	var previous []byte
	buffer := r.lower[:0]
	end := len(name)
	for from := 0; from < end; {
		c := name[from]
		if !isLetter(c) && !isDigit(c) {
			from++
			continue
		}
		to := from + 1
		for to < end {
			c, before := name[to], name[to-1]
			if !isLetter(c) && !isDigit(c) {
				break
			}
			// fooBar, and FOOBar: the hump begins at B.
			if isUpper(c) && !isUpper(before) || isUpper(before) && isUpper(c) && to+1 < end && isLower(name[to+1]) && to-from > 0 {
				break
			}
			to++
		}
		start := len(buffer)
		for _, c := range name[from:to] {
			if isUpper(c) {
				c += 'a' - 'A'
			}
			buffer = append(buffer, c)
		}
		from = to
		word := bytes.TrimRight(buffer[start:], "0123456789")
		if len(word) == 0 {
			continue
		}
		isLast := true
		for _, c := range name[to:] {
			if isLetter(c) {
				isLast = false
				break
			}
		}
		if says := wordSays(word, previous, isLast); says > found {
			found = says
		}
		previous, last = word, word
	}
	return found, last
}

// letters is the set of a word's letters.
func letters[T string | []byte](word T) (set uint32) {
	for i := range len(word) {
		if c := word[i]; isUpper(c) || isLower(c) {
			set |= 1 << (c & 31)
		}
	}
	return set
}

// sayings are the letters of which each word that wordSays knows has all of one.
var sayings = func() (sets []uint32) {
	for _, word := range [...]string{"pas", "pw", "token", "secret", "key", "cred", "jwt", "bearer", "authorization", "kubeconfig", "docker", "dsn",
		"mnemonic", "const", "pat", "auth"} {
		sets = append(sets, letters(word))
	}
	return sets
}()

// maySay tells whether a name has the letters of any such word; most names have not, and need no closer look.
func maySay(name []byte) bool {
	set := letters(name)
	for _, saying := range sayings {
		if set&saying == saying {
			return true
		}
	}
	return false
}

func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 0x80 }
func isLetter(c byte) bool { return isUpper(c) || isLower(c) }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// wordSays judges one word of a name in lower case, after the word before it (nil for the first).
func wordSays(word, previous []byte, last bool) sensitivity {
	switch string(word) {
	case "pwd", "cred", "creds", "jwt", "bearer", "authorization", "kubeconfig", "dockerconfigjson", "dockercfg", "dsn", "mnemonic", "passcode",
		"passcodes", "passin", "passout", "masterauth", "connectionstring", "connstr", "connstring":
		return sensitive
	case "pass", "pw", "pat": // DB_PASS, but PASS_THROUGH
		if last {
			return sensitive
		}
		return harmless
	case "auth": // only what is a user and a password (innocent)
		if last {
			return sensitive
		}
		return harmless
	case "data":
		if string(previous) == "key" { // client-key-data
			return sensitive
		}
		return harmless
	case "string", "strings":
		if string(previous) == "connection" || string(previous) == "conn" {
			return sensitive
		}
		return harmless
	case "secret":
		switch string(previous) {
		case "client", "app", "consumer", "session", "cookie", "webhook", "oauth", "oidc", "hmac", "api", "shared", "bot":
			if last {
				return sensitive // OAuth's, mostly written out; other secrets are mostly names of Secrets
			}
		}
		return doubtful
	case "key", "keys":
		switch string(previous) {
		case "api", "private", "access", "signing", "encryption", "auth", "master", "ssh", "shared", "account", "service", "secret", "license", "hmac":
			return sensitive
		case "public", "pub", "partition", "sort", "primary", "foreign", "routing", "shard", "cache", "label", "annotation", "topology", "index", "group":
			return harmless
		}
		return doubtful
	}
	n := len(word)
	if n < 5 {
		return harmless
	}
	switch word[n-1] {
	case 'n', 's': // token, tokens
		if bytes.HasSuffix(word, []byte("token")) || bytes.HasSuffix(word, []byte("tokens")) {
			return sensitive
		}
		if last && bytes.HasSuffix(word, []byte("pass")) {
			switch string(word) {
			case "compass", "bypass", "trespass", "overpass", "underpass", "encompass", "surpass":
				return harmless
			}
			return sensitive // dbpass, requirepass
		}
	case 'd':
		if bytes.HasSuffix(word, []byte("pwd")) {
			return sensitive
		}
	}
	switch {
	case bytes.Contains(word, []byte("passw")), bytes.Contains(word, []byte("passphrase")), bytes.Contains(word, []byte("credential")):
		return sensitive
	case bytes.HasSuffix(word, []byte("key")), bytes.HasSuffix(word, []byte("keys")):
		switch string(bytes.TrimSuffix(word, []byte("s"))) {
		case "monkey", "donkey", "turkey", "hotkey", "hockey", "jockey", "whiskey", "turnkey", "pubkey", "publickey":
			return harmless
		}
		return sensitive // apikey, privatekey, sshkey
	case bytes.Contains(word, []byte("secret")):
		if n > len("secrets") {
			return sensitive // clientsecret, secretaccess
		}
		return doubtful
	}
	return harmless
}

// innocent tells whether a value under a name that says secret is none: nothing, a yes or no, a reference to a variable, a path, or what the
// name's last word says that it is (a number of seconds, the name of a Secret). What is not surely innocent is redacted.
func innocent(last, value []byte) bool {
	value = bytes.TrimSpace(value)
	switch len(value) {
	case 0:
		return true
	case 1:
		if value[0] == '0' || value[0] == '1' {
			return true // no and yes
		}
	case 2, 3, 4, 5, 7, 8:
		switch string(bytes.ToLower(value)) {
		case "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "enabled", "disabled":
			return true
		}
	}
	if isPlaceholder(value) || isReference(value) || looksLikePath(value, true) {
		return true
	}
	switch string(last) {
	case "file", "files", "path", "paths", "dir", "directory", "folder", "location", "mount":
		return looksLikePath(value, false)
	case "name", "names", "ref", "reference", "namespace", "type", "algorithm", "alg", "format", "mode", "provider", "audience", "kind",
		"version", "class", "method", "store", "backend", "claim", "claims":
		return len(value) <= 63 && only(value, "._/- ", true)
	case "url", "uri", "endpoint", "host", "server", "address", "addr", "domain", "issuer":
		if rest, isURL := bytes.CutPrefix(value, []byte("http")); isURL {
			rest = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("s")), []byte("://"))
			return only(rest, "._/-:", true)
		}
		return bytes.IndexByte(value, '.') > 0 && only(value, ".-:", true)
	case "ttl", "seconds", "secs", "minutes", "hours", "days", "timeout", "expiry", "expiration", "expires", "lifetime", "duration", "interval",
		"period", "length", "size", "limit", "count", "max", "min", "age", "rotation", "port", "retries", "bytes", "bits", "tokens", "keys":
		digits := bytes.TrimRight(value, "smhdKMGiBn")
		return len(value) <= 12 && len(value)-len(digits) <= 2 && only(digits, ".", false)
	case "stdin":
		return true
	case "auth":
		return !isUserAndPassword(value)
	case "pwd":
		return value[0] == '/' && looksLikePath(value, false) // the working directory
	}
	return false
}

// isUserAndPassword tells whether a value is user:password, plain, in base64, or as a header has it.
func isUserAndPassword(value []byte) bool {
	if bytes.HasPrefix(value, []byte("Basic ")) || bytes.HasPrefix(value, []byte("Bearer ")) {
		return true
	}
	if colon := bytes.IndexByte(value, ':'); colon > 0 {
		return !bytes.HasPrefix(value[colon+1:], []byte("//"))
	}
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(value)))
	n, err := base64.RawStdEncoding.Decode(plain, bytes.TrimRight(value, "="))
	return err == nil && bytes.IndexByte(plain[:n], ':') > 0 && printable(plain[:n])
}

// only tells whether a text holds nothing but digits, letters (if they are allowed) and the given characters.
func only(text []byte, others string, letters bool) bool {
	for _, c := range text {
		if !isDigit(c) && !(letters && c < 0x80 && isLetter(c)) && bytes.IndexByte([]byte(others), c) < 0 {
			return false
		}
	}
	return len(text) > 0
}

// isReference tells whether a value stands for another one: $(NAME), ${NAME}, {{ template }}, "$NAME" in a shell.
func isReference(value []byte) bool {
	between := func(open, end string) bool {
		inner, found := bytes.CutPrefix(value, []byte(open))
		if !found {
			return false
		}
		inner, found = bytes.CutSuffix(inner, []byte(end))
		return found && len(inner) > 0 && !bytes.Contains(inner, []byte(end))
	}
	if between("$(", ")") || between("{{", "}}") {
		return true
	}
	if between("${", "}") {
		return only(value[2:len(value)-1], "_.", true) // ${NAME:-fallback} holds a value
	}
	// A shell's: $PASSWORD, but not a password that begins so.
	return value[0] == '$' && len(value) > 1 && !isDigit(value[1]) && only(value[1:], "_", true) &&
		(maySay(value[1:]) || bytes.Equal(value, bytes.ToUpper(value)))
}

// looksLikePath tells whether a value is a file's path. Sure is one below a folder that machines have, or with a dot in it, which base64
// has not.
func looksLikePath(value []byte, sure bool) bool {
	if value[0] == '~' && len(value) > 1 && value[1] == '/' || value[0] == '.' && (bytes.HasPrefix(value, []byte("./")) || bytes.HasPrefix(value, []byte("../"))) {
		return only(value[1:], "._/-", true)
	}
	if value[0] != '/' || !only(value, "._/-@", true) {
		return false
	}
	if !sure || len(value) == 1 {
		return true
	}
	for _, folder := range [...]string{"/etc/", "/var/", "/run/", "/opt/", "/mnt/", "/tmp/", "/home/", "/usr/", "/root/", "/srv/"} {
		if bytes.HasPrefix(value, []byte(folder)) {
			return true
		}
	}
	return bytes.IndexByte(value, '.') > 0
}

// glob tells whether a text matches a pattern in which each * stands for any run of characters. Case counts.
func glob(pattern string, text []byte) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
