package store

import (
	"fmt"
	"strings"
)

// CheckKey refuses a key that not every backend could keep: an empty one, one with an empty segment, "." or ".." (it would
// leave a backend's folder), one with a control character, or one of more than 1,024 bytes (S3's limit).
func CheckKey(key string) error {
	if key == "" {
		return fmt.Errorf("the key is empty")
	}
	if len(key) > 1024 {
		return fmt.Errorf("key %.80q… has %d bytes, more than 1024", key, len(key))
	}
	for _, c := range []byte(key) {
		if c < ' ' || c == 0x7f {
			return fmt.Errorf("key %q holds a control character", key)
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("key %q holds the segment %q", key, segment)
		}
	}
	return nil
}

// CheckPrefix refuses a prefix that no key of CheckKey begins with. The empty prefix begins all of them.
func CheckPrefix(prefix string) error {
	folder, _ := SplitPrefix(prefix)
	if folder == "" {
		return nil
	}
	return CheckKey(strings.TrimSuffix(folder, "/"))
}

// SplitPrefix cuts a prefix behind its last slash: the folder that holds all it can match, and what a name there begins with.
func SplitPrefix(prefix string) (folder, name string) {
	cut := strings.LastIndexByte(prefix, '/') + 1
	return prefix[:cut], prefix[cut:]
}

// Check refuses a condition that asks for two things.
func (c Condition) Check() error {
	if c.IfAbsent && c.IfMatch != "" {
		return fmt.Errorf("a put can be asked to find the key absent or to match an ETag, not both")
	}
	return nil
}
