package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/lake/cache"
	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/local"
	"github.com/k8sq/k8sq/sql"
)

// configFile gives the configuration file to read; "" means that there is none.
func (a *app) configFile() (string, error) {
	if a.configPath != "" {
		return a.configPath, nil
	}
	_, err := os.Stat(config.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return config.Name, err
}

// configuration reads the configuration, or makes the one that stands for none: the current kubeconfig context into ./lake.
func (a *app) configuration() (*config.Config, error) {
	path, err := a.configFile()
	if err != nil {
		return nil, usageError("%w", err)
	}
	if path == "" {
		current, err := currentContext()
		if err != nil {
			return nil, usageError("%w", err)
		}
		loaded, err := config.Default(".", definitions(), current)
		if err != nil {
			return nil, err
		}
		return loaded, a.checkDefault(loaded)
	}
	loaded, diagnostics := config.Load(path, definitions(), os.Getenv, a.log)
	if len(diagnostics) > 0 {
		if err := diagnostics.Write(a.screen, width(a.errOut), isTerminal(a.errOut)); err != nil {
			return nil, err
		}
	}
	if diagnostics.HasErrors() {
		return nil, &exitError{code: exitUsage}
	}
	return loaded, nil
}

// checkDefault asks the definition about a provider that no file declares.
func (a *app) checkDefault(loaded *config.Config) error {
	var problems []string
	for _, provider := range loaded.Providers {
		for _, problem := range definition(provider.Type).Check(a.environment(loaded, provider), provider.Config) {
			text := problem.Summary
			if problem.Detail != "" && !strings.Contains(problem.Detail, "this block") {
				text += ": " + problem.Detail
			}
			problems = append(problems, text)
		}
	}
	if len(problems) > 0 {
		return usageError("%s\nThere is no %s here either: \"k8sq init\" writes one, and --config or K8SQ_CONFIG names another.\n"+
			"Without one k8sq reads the current context of the kubeconfig (KUBECONFIG, ~/.kube/config), or the cluster in whose pod it runs.",
			strings.Join(problems, "\n"), config.Name)
	}
	return nil
}

func definition(providerType string) collector.Definition {
	for _, definition := range definitions() {
		if definition.Type == providerType {
			return definition
		}
	}
	panic("a configuration was loaded with a provider type that is not defined: " + providerType)
}

func (a *app) environment(loaded *config.Config, provider config.Provider) collector.Environment {
	return collector.Environment{Cluster: provider.ID, Dir: loaded.Dir, Getenv: os.Getenv, Log: a.log}
}

// lakeOf gives where the lake is: --lake, else the configuration's.
func (a *app) lakeOf(loaded *config.Config) config.Lake {
	if a.lakeURL == "" {
		return loaded.Lake
	}
	place := config.Lake{URL: a.lakeURL}
	if strings.HasPrefix(a.lakeURL, "s3://") {
		// Another bucket or prefix of the same service.
		place = loaded.Lake
		place.URL = a.lakeURL
	}
	return place
}

// lakeOnly finds the lake without looking at the clusters: a query needs no kubeconfig.
func (a *app) lakeOnly() (config.Lake, error) {
	path, err := a.configFile()
	switch {
	case err != nil:
		return config.Lake{}, usageError("%w", err)
	case path == "" && a.lakeURL == "":
		return config.Lake{URL: config.DefaultLake}, nil
	case path == "", a.lakeURL != "" && !strings.HasPrefix(a.lakeURL, "s3://"):
		return config.Lake{URL: a.lakeURL}, nil
	}
	place, diagnostics := config.LoadLake(path, os.Getenv)
	if diagnostics.HasErrors() {
		if err := diagnostics.Write(a.screen, width(a.errOut), isTerminal(a.errOut)); err != nil {
			return config.Lake{}, err
		}
		return config.Lake{}, &exitError{code: exitUsage}
	}
	return a.lakeOf(&config.Config{Lake: place}), nil
}

// openLake opens the lake to read from, and the cache that it reads through.
func (a *app) openLake(ctx context.Context) (*lake.Lake, *cache.Cache, error) {
	place, err := a.lakeOnly()
	if err != nil {
		return nil, nil, err
	}
	files, err := a.openCache()
	if err != nil {
		return nil, nil, err
	}
	stored, err := openStore(ctx, place, false)
	if errors.Is(err, store.ErrNoRoot) {
		return nil, nil, fmt.Errorf("%w\nThe first \"k8sq sync\" makes the lake. --lake and K8SQ_LAKE name another one.", err)
	}
	if err != nil {
		return nil, nil, err
	}
	l, err := lake.Open(ctx, stored, files)
	return l, files, err
}

// openEngine opens the lake for k8sq's own questions, within the engine's own limits.
func (a *app) openEngine(ctx context.Context) (*sql.Engine, error) {
	l, _, err := a.openLake(ctx)
	if err != nil {
		return nil, err
	}
	return sql.Open(ctx, l, sql.Options{})
}

// openStore opens the folder or bucket of the lake; create makes a folder that does not exist.
func openStore(ctx context.Context, place config.Lake, create bool) (store.Store, error) {
	if !strings.HasPrefix(place.URL, "s3://") {
		if strings.Contains(place.URL, "://") {
			return nil, usageError("lake %s: a lake is a folder or s3://bucket/prefix", place.URL)
		}
		return local.Open(place.URL, create)
	}
	return openS3(ctx, place)
}

// cacheBytes bounds the cache on disk of what was read from S3.
const cacheBytes = 10 << 30

// openCache opens the user's cache, or, where that cannot be used (no home, a read-only file system), one of this user's in the folder
// for temporary files: a query must not fail for want of a cache.
func (a *app) openCache() (*cache.Cache, error) {
	dir, err := cache.DefaultDir()
	if err == nil {
		var files *cache.Cache
		if files, err = cache.Open(dir, cacheBytes); err == nil {
			return files, nil
		}
	}
	fallback := filepath.Join(os.TempDir(), fmt.Sprintf("k8sq-cache-%d", os.Getuid()))
	a.log.Info("the cache cannot be used, taking another folder", "folder", fallback, "error", err)
	return cache.Open(fallback, cacheBytes)
}

func (a *app) hint(format string, args ...any) {
	fmt.Fprintf(a.screen, format+"\n", args...)
}
