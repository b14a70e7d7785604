package document

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"math"
	"regexp"

	"github.com/k8sq/k8sq/lake"
)

// Finding is a stored value that looks like a secret. It says where, and never what.
type Finding struct {
	Path   string // as in a diff: spec.containers[0].env[2].value
	Rule   string // what it looks like
	Length int    // of the value, in bytes
	// Fingerprint is the same for equal values found by one Finder, and says nothing else of them: it is keyed with what nobody else knows.
	Fingerprint string
}

// Finder finds values that look like secrets in what a lake holds. It is for one goroutine.
type Finder struct {
	hash     *redaction
	tree     tree
	document []byte
	path     []byte
	seen     map[string]bool // rules that were found at the place at hand
	report   func(Finding)
}

// NewFinder makes a Finder.
func NewFinder() *Finder {
	salt := make([]byte, 32)
	rand.Read(salt) // never fails
	return &Finder{hash: NewRedactor(salt).begin(), seen: map[string]bool{}}
}

// tokenRule is a format that secrets of one kind have. The hints are what a text must hold one of to be looked at more closely.
type tokenRule struct {
	name    string
	hints   []string
	pattern *regexp.Regexp
}

var tokenRules = []tokenRule{
	{"AWS access key", []string{"AKIA", "ASIA"}, regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"Google API key", []string{"AIza"}, regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`)},
	{"Google OAuth token", []string{"ya29."}, regexp.MustCompile(`\bya29\.[0-9A-Za-z_-]{20,}`)},
	{"GitHub token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, regexp.MustCompile(`\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{40,})`)},
	{"GitLab token", []string{"glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"}, regexp.MustCompile(`\bgl(?:pat|dt|rt|ptt|cbt)-[0-9A-Za-z_-]{20,}`)},
	{"Slack token", []string{"xox"}, regexp.MustCompile(`\bxox[abeoprs]-[0-9A-Za-z-]{10,}`)},
	{"Slack webhook", []string{"hooks.slack.com/"}, regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z_/-]{20,}`)},
	{"Stripe key", []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_"}, regexp.MustCompile(`\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}`)},
	{"SendGrid key", []string{"SG."}, regexp.MustCompile(`\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}`)},
	{"npm token", []string{"npm_"}, regexp.MustCompile(`\bnpm_[0-9A-Za-z]{36}`)},
	{"DigitalOcean token", []string{"dop_v1_", "doo_v1_"}, regexp.MustCompile(`\bdo[op]_v1_[0-9a-f]{64}`)},
	{"Vault token", []string{"hvs.", "hvb."}, regexp.MustCompile(`\bhv[sb]\.[0-9A-Za-z_-]{20,}`)},
	{"Azure storage key", []string{"AccountKey="}, regexp.MustCompile(`AccountKey=[0-9A-Za-z+/]{40,}`)},
	{"JSON Web Token", []string{"eyJ"}, regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`)},
	{"private key", []string{"PRIVATE KEY"}, regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[^-]*`)},
	{"password hash", []string{"$2a$", "$2b$", "$2y$", "$apr1$", "$5$", "$6$", "{SHA}"},
		regexp.MustCompile(`\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}|\$apr1\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}|\$[56]\$[^$\s]{1,32}\$[./0-9A-Za-z]{43,}|\{SHA\}[0-9A-Za-z+/]{27}=`)},
	{"basic authentication", []string{"Basic ", `"auth"`}, regexp.MustCompile(`\bBasic [0-9A-Za-z+/]{12,}=*|"auth"\s*:\s*"[0-9A-Za-z+/]{12,}=*"`)},
	{"kubeconfig credential", []string{"client-key-data", "current-context"}, regexp.MustCompile(`client-key-data"?:\s*"?[0-9A-Za-z+/=]{40,}|(?m)^\s*token:\s*\S{16,}`)},
}

// State looks through the columns of a stored state.
func (f *Finder) State(state lake.State, report func(Finding)) error {
	var err error
	if f.document, err = f.tree.assemble(f.document, state); err != nil {
		return err
	}
	f.report, f.path = report, f.path[:0]
	f.walk(root, nil)
	return nil
}

// Diff looks through a stored difference.
func (f *Finder) Diff(diff json.RawMessage, report func(Finding)) error {
	if len(diff) == 0 {
		return nil
	}
	if err := f.tree.parse(diff); err != nil {
		return err
	}
	f.report = report
	for _, part := range f.tree.elements(root) {
		for _, change := range f.tree.elements(part) {
			f.path = append(f.path[:0], f.tree.key(change)...)
			var name []byte
			if steps, err := parsePath(string(f.path)); err == nil && len(steps) > 0 && steps[len(steps)-1].kind == stepKey {
				name = []byte(steps[len(steps)-1].key)
			}
			if values := f.tree.elements(change); string(f.tree.key(part)) == "updated" && f.tree.nodes[change].kind == kindObject {
				for _, value := range values { // from, to
					f.leaf(value, name)
				}
				continue
			}
			f.leaf(change, name)
		}
	}
	return nil
}

// leaf looks at a value of a diff, whose path is that of the leaf; of a list that changed its order, at the keys.
func (f *Finder) leaf(n uint32, name []byte) {
	if f.tree.nodes[n].kind == kindString {
		f.text(f.tree.text(n), name)
		return
	}
	f.walk(n, name)
}

// walk looks at every string below a value; name is what it is called.
func (f *Finder) walk(n uint32, name []byte) {
	t := &f.tree
	length := len(f.path)
	switch t.nodes[n].kind {
	case kindString:
		f.text(t.text(n), name)
	case kindObject:
		variable := t.stringMember(n, "name")
		for _, m := range t.elements(n) {
			key := t.key(m)
			f.path = appendKey(f.path[:length], key)
			called := key
			if string(key) == "value" && variable != nil {
				called = variable
			}
			f.walk(m, called)
			f.text(key, nil) // a key may hold one too
		}
	case kindArray:
		for i, element := range t.elements(n) {
			f.path = appendIndex(f.path[:length], i)
			f.walk(element, name)
		}
	}
	f.path = f.path[:length]
}

// text looks at one string under a name (nil: none).
func (f *Finder) text(text, name []byte) {
	if len(text) < shortest || isPlaceholder(text) {
		return
	}
	clear(f.seen)
	f.formats(text, "")
	f.encoded(text)
	for rest := text; ; {
		from, to, found := nextPassword(rest)
		if !found {
			break
		}
		if secret := rest[from:to]; !isPlaceholder(secret) && !isReference(secret) {
			f.found("password in a URL", secret)
		}
		rest = rest[to:]
	}
	if name != nil {
		says, last := f.hash.judge(name)
		if says > harmless && !innocent(last, text) && secretLike(text, says) {
			f.found("value of a sensitive name", text)
			return
		}
	}
	if mayAssign(text) {
		f.hash.secrets, f.hash.plain = f.hash.secrets[:0], f.hash.plain[:0]
		f.hash.assignments(nil, text, sensitive)
		for _, s := range f.hash.secrets {
			if secret := f.hash.plain[s.start:s.end]; secretLike(secret, sensitive) {
				f.found("assignment to a sensitive name", secret)
			}
		}
	}
}

// formats looks for the formats of tokens; how tells how the text was encoded.
func (f *Finder) formats(text []byte, how string) {
	for i := range tokenRules {
		rule := &tokenRules[i]
		for _, hint := range rule.hints {
			if bytes.Contains(text, []byte(hint)) {
				if token := rule.pattern.Find(text); token != nil {
					f.found(rule.name+how, token)
				}
				break
			}
		}
	}
}

// shortestEncoded is from which length a run of characters is tried as base64.
const shortestEncoded = 24

// encoded looks into the stretches of a text that are base64.
func (f *Finder) encoded(text []byte) {
	for from := 0; from < len(text); {
		to := from
		for to < len(text) && (text[to] < 0x80 && isLetter(text[to]) || isDigit(text[to]) || text[to] == '+' || text[to] == '/') {
			to++
		}
		if run := text[from:to]; len(run) >= shortestEncoded {
			run = run[:len(run)-len(run)%4]
			plain := make([]byte, base64.StdEncoding.DecodedLen(len(run)))
			if n, err := base64.StdEncoding.Decode(plain, run); err == nil && printable(plain[:n]) {
				f.formats(plain[:n], ", in base64")
			}
		}
		from = to + 1
	}
}

// printable tells whether what was decoded seems to be text, as tokens are.
func printable(text []byte) bool {
	for _, c := range text[:min(len(text), 64)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// secretLike tells whether a value under a name that says so may be a secret: not too ordered, and, where the name leaves doubt, random.
func secretLike(value []byte, says sensitivity) bool {
	if says == doubtful {
		return len(value) >= 16 && entropy(value) >= 3.5 && random(value)
	}
	return len(value) >= shortest && entropy(value) >= 2
}

// random tells whether a value has what random ones have, and names and labels have not: letters of both cases and digits, or a long run of
// hexadecimal digits; and neither dots nor spaces.
func random(value []byte) bool {
	if len(value) >= 32 && only(bytes.ToLower(value), "abcdef", false) {
		return true
	}
	var lower, upper, digit bool
	for _, c := range value {
		lower, upper, digit = lower || isLower(c), upper || isUpper(c), digit || isDigit(c)
	}
	return lower && upper && digit && !bytes.ContainsAny(value, ". ")
}

// entropy is Shannon's, in bits a byte.
func entropy(text []byte) float64 {
	var counts [256]int
	for _, c := range text {
		counts[c]++
	}
	bits := 0.0
	for _, count := range counts {
		if count > 0 {
			p := float64(count) / float64(len(text))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// found reports a value once for each rule and place.
func (f *Finder) found(rule string, value []byte) {
	if f.seen[rule] {
		return
	}
	f.seen[rule] = true
	sum := f.hash.hide(value)
	f.report(Finding{Path: string(f.path), Rule: rule, Length: len(value), Fingerprint: string(sum[len(placeholderPrefix) : len(placeholderPrefix)+8])})
}
