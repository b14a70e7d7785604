package collector

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// KeyVariable is the environment variable that gives the redaction key.
const KeyVariable = "K8SQ_REDACTION_KEY"

// keyLength is the least number of bytes of a redaction key: below it, the values behind the HMACs could be found by trying keys.
const keyLength = 16

// ErrNoKey: no redaction key is given, and there is no file with one.
var ErrNoKey = errors.New("there is no redaction key")

// RedactionKey gives the key under which secret values are hashed: K8SQ_REDACTION_KEY, or the content of the file at path. It fails with ErrNoKey
// where there is neither. The key is not in the lake, so that whoever has the lake cannot find the values by trying; a lake that
// is collected with another key shows every secret as changed.
func RedactionKey(getenv func(string) string, path string) ([]byte, error) {
	if text := strings.TrimSpace(getenv(KeyVariable)); text != "" {
		if len(text) < keyLength {
			return nil, fmt.Errorf("%s has %d characters, a key needs at least %d", KeyVariable, len(text), keyLength)
		}
		return []byte(text), nil
	}
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not set, and there is no file %s", ErrNoKey, KeyVariable, path)
	}
	return key, err
}

// MakeRedactionKey makes the file at path, readable by its owner alone, and gives the key in it. If another process was quicker, it is that
// one's, and made is false.
func MakeRedactionKey(path string) (key []byte, made bool, err error) {
	if made, err = makeKey(path); err != nil {
		return nil, false, fmt.Errorf("make the redaction key: %w (or set %s)", err, KeyVariable)
	}
	key, err = readKey(path)
	return key, made, err
}

// KeyReadableByOthers tells whether others than its owner may read a key file.
func KeyReadableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

func readKey(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the redaction key: %w", err)
	}
	key := strings.TrimSpace(string(content))
	if len(key) < keyLength {
		return nil, fmt.Errorf("read the redaction key: %s holds %d characters, a key needs at least %d", path, len(key), keyLength)
	}
	return []byte(key), nil
}

// makeKey puts a new key at path, unless another process was quicker.
func makeKey(path string) (made bool, err error) {
	random := make([]byte, 32)
	rand.Read(random)                                                            // never fails
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return false, err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(hex.EncodeToString(random) + "\n"); err != nil {
		return false, errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return false, err
	}
	switch err := os.Link(file.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return true, os.Rename(file.Name(), path) // a file system without hard links
	}
	return true, nil
}
