package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/store"
)

// keyFile is where the redaction key is kept: beside the configuration, but for another place that it names.
func keyFile(loaded *config.Config) string {
	if loaded.Redact.KeyFile != "" {
		return loaded.Redact.KeyFile
	}
	return filepath.Join(loaded.Dir, "k8sq.key")
}

// keyFromFile tells whether the key is the file's.
func keyFromFile() bool { return os.Getenv(collector.KeyVariable) == "" }

// checkKeyPlace refuses a key that lies within the lake: whoever has the lake would have the key. It warns of one that others may read.
func (a *app) checkKeyPlace(loaded *config.Config, place config.Lake) error {
	path := keyFile(loaded)
	if !keyFromFile() {
		return nil
	}
	if !strings.Contains(place.URL, "://") && within(path, place.URL) {
		return usageError("the redaction key %s lies within the lake %s: whoever gets a copy of the lake would get the key with it.\n"+
			"Move it, and name its place with key_file in the redact block, or set %s.", path, place.URL, collector.KeyVariable)
	}
	if collector.KeyReadableByOthers(path) {
		a.hint("Warning: others than its owner may read the redaction key %s, and with it find short secrets by trying: chmod 600 %s", path, path)
	}
	return nil
}

// within tells whether a file lies in a folder, links followed as far as there is something.
func within(file, dir string) bool {
	resolve := func(path string) string {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
			return resolved
		}
		// A file that is not there yet lies in a folder that is.
		if resolved, err := filepath.EvalSymlinks(filepath.Dir(absolute)); err == nil {
			return filepath.Join(resolved, filepath.Base(absolute))
		}
		return absolute
	}
	relative, err := filepath.Rel(resolve(dir), resolve(file))
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// redactor gives the redactor of the configuration for a sync of some clusters into a lake. It makes the key at first use, and records in the lake which
// one was used. Under another key than before it refuses, unless accept says that it is meant.
func (a *app) redactor(ctx context.Context, loaded *config.Config, l *lake.Lake, providers []config.Provider, accept bool) (*document.Redactor, error) {
	known := make([]lake.RedactionKey, len(providers))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(clustersAtOnce)
	for i, provider := range providers {
		group.Go(func() (err error) {
			known[i], _, err = l.RedactionKey(groupCtx, provider.ID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var hashed []string
	for i, key := range known {
		if key.ID != "" {
			hashed = append(hashed, fmt.Sprintf("%s (key %s, since %s)", providers[i].ID, key.ID, key.Since.Format(time.DateOnly)))
		}
	}
	key, err := collector.RedactionKey(os.Getenv, keyFile(loaded))
	switch {
	case errors.Is(err, collector.ErrNoKey) && len(hashed) > 0 && !accept:
		return nil, usageError("the redaction key is lost: %w.\nThe lake holds values that were hashed under it: %s.\n%s", err, strings.Join(hashed, ", "), otherKeyHelp)
	case errors.Is(err, collector.ErrNoKey):
		var made bool
		if key, made, err = collector.MakeRedactionKey(keyFile(loaded)); err != nil {
			return nil, usageError("%w", err)
		}
		if made {
			a.hint("Made the redaction key %s: keep it, and keep it out of the lake and of Git. With another key every Secret shows as changed.", keyFile(loaded))
		}
	case err != nil:
		return nil, usageError("%w", err)
	}
	redactor, err := loaded.Redact.Rules.Redactor(key)
	if err != nil {
		return nil, usageError("%w", err)
	}
	id := redactor.KeyID()
	var others []string
	for i, key := range known {
		if key.ID != "" && key.ID != id {
			others = append(others, fmt.Sprintf("%s (key %s, since %s)", providers[i].ID, key.ID, key.Since.Format(time.DateOnly)))
		}
	}
	if len(others) > 0 && !accept {
		return nil, usageError("the redaction key (%s, %s) is not the one that the lake's values were hashed under: %s.\n%s",
			a.keySource(loaded), id, strings.Join(others, ", "), otherKeyHelp)
	}
	for i, provider := range providers {
		if known[i].ID == id {
			continue
		}
		if err := l.RecordRedactionKey(ctx, provider.ID, id, time.Now(), accept); err != nil {
			if errors.Is(err, lake.ErrOtherRedactionKey) { // another collector's first sync, this moment
				return nil, usageError("%w.\n%s", err, otherKeyHelp)
			}
			return nil, err
		}
	}
	if len(others) > 0 {
		a.hint("Warning: another redaction key (%s) from now on, as you asked: every redacted value shows as changed once in %s.", id, strings.Join(others, ", "))
	}
	return redactor, nil
}

// keySource says where the key comes from.
func (a *app) keySource(loaded *config.Config) string {
	if keyFromFile() {
		return keyFile(loaded)
	}
	return collector.KeyVariable
}

const otherKeyHelp = `Under another key every redacted value shows as changed, though none is, and which of them did change since the last sync can no
longer be told. So nothing was collected. Bring the key back (` + collector.KeyVariable + `, or the key file), or, if it is gone for good,
go on with "k8sq sync --accept-new-redaction-key". The lake keeps when its key changed, in _k8sq/redaction/.`

// validateKey tells what is wrong with the redaction key without making one: in its place, in the file, and, if the lake is at hand, that it is not the
// one used before.
func (a *app) validateKey(ctx context.Context, loaded *config.Config, connect bool) error {
	place := a.lakeOf(loaded)
	if err := a.checkKeyPlace(loaded, place); err != nil {
		return err
	}
	key, err := collector.RedactionKey(os.Getenv, keyFile(loaded))
	if err != nil && !errors.Is(err, collector.ErrNoKey) {
		return usageError("%w", err)
	}
	if !connect {
		return nil
	}
	files, cacheErr := a.openCache()
	if cacheErr != nil {
		return cacheErr
	}
	stored, openErr := openStore(ctx, place, false)
	if openErr != nil {
		return nil // told by the check of the lake
	}
	l, openErr := lake.Open(ctx, stored, files)
	if openErr != nil {
		return nil
	}
	for _, provider := range loaded.Providers {
		known, found, readErr := l.RedactionKey(ctx, provider.ID)
		switch {
		case readErr != nil && !errors.Is(readErr, store.ErrForbidden):
			return readErr
		case !found:
		case err != nil:
			return usageError("the redaction key is lost: %w.\nThe lake holds values of %s that were hashed under key %s.\n%s", err, provider.ID, known.ID, otherKeyHelp)
		case known.ID != document.NewRedactor(key).KeyID():
			return usageError("the redaction key (%s) is not the one (%s) that the values of %s were hashed under.\n%s",
				a.keySource(loaded), known.ID, provider.ID, otherKeyHelp)
		}
	}
	return nil
}
