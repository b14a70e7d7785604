package manifests

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8sq/k8sq/collector"
)

// root is an element of paths with the files that it stands for.
type root struct {
	path   string
	files  []string
	shared bool // an element before it stands for some of its files too
}

// folders are where paths start from.
type folders struct {
	dir  string // relative ones: the configuration's folder
	home string // those that begin with ~/; "" where there is none
}

func foldersOf(environment collector.Environment) folders {
	f := folders{dir: environment.Dir}
	if environment.Getenv != nil {
		f.home = environment.Getenv("HOME")
	}
	return f
}

func (f folders) join(path string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found && f.home != "" {
		return filepath.Join(f.home, rest)
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.dir, path)
}

// checkPath tells what is wrong with an element of paths, without reading what it names.
func checkPath(dir folders, path string) error {
	_, err := expand(dir, path)
	return err
}

// expand gives the files and folders that an element of paths names. A name that exists is taken as it is, even with the signs of a glob.
func expand(dir folders, path string) ([]string, error) {
	if path == "" {
		return nil, errors.New("an empty path names nothing")
	}
	full := dir.join(path)
	_, err := os.Stat(full)
	if err == nil {
		return []string{full}, nil
	}
	if !strings.ContainsAny(path, "*?[") {
		return nil, fmt.Errorf("path %s: %w", full, reason(err))
	}
	matches, err := filepath.Glob(full)
	switch {
	case err != nil:
		return nil, fmt.Errorf("path %s: it is not a glob: %w", full, err)
	case len(matches) == 0:
		return nil, fmt.Errorf("path %s: nothing matches", full)
	}
	return matches, nil
}

// find gives the files of all paths in order, each once. What could not be looked into is among the failures.
func find(dir folders, paths []string, log *slog.Logger, failures *failures) ([]root, error) {
	var roots []root
	seen := map[string]bool{}
	for _, path := range paths {
		expanded, err := expand(dir, path)
		if err != nil {
			return nil, fmt.Errorf("read the manifests: %w", err)
		}
		root := root{path: path}
		add := func(file string) {
			name, err := filepath.Abs(file)
			if err != nil {
				name = file
			}
			if seen[name] {
				root.shared = true
				return
			}
			seen[name] = true
			root.files = append(root.files, file)
		}
		for _, top := range expanded {
			info, err := os.Stat(top)
			switch {
			case err != nil:
				failures.add(fmt.Errorf("%s: %w", top, reason(err)))
			case info.IsDir():
				walk(top, log, add, failures)
			default:
				add(top)
			}
		}
		roots = append(roots, root)
	}
	return roots, nil
}

// walk adds the manifest files of a folder and of all below it, in order of their names.
func walk(dir string, log *slog.Logger, add func(string), failures *failures) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		failures.add(fmt.Errorf("%s: %w", dir, reason(err)))
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if entry.IsDir() {
			walk(path, log, add, failures)
			continue
		}
		isLink := entry.Type()&fs.ModeSymlink != 0
		if isLink {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				log.Warn("a link to a folder is not followed", "path", path)
				continue
			}
		}
		switch strings.ToLower(filepath.Ext(entry.Name())) {
		case ".yaml", ".yml", ".json":
			if isLink || entry.Type().IsRegular() {
				add(path)
			}
		}
	}
}

// reason leaves the path out of a file error, for those who name it themselves.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
