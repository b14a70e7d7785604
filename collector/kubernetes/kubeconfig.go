package kubernetes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	// The legacy auth-providers: OpenID Connect, and those whose error says which exec plug-in took their place.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

// ContextInfo is one context of the kubeconfig files in use.
type ContextInfo struct {
	Name    string
	Cluster string // the name of the cluster's entry
	Server  string // the API server's URL, "" where the context names a cluster that is not there
	Current bool   // it is the current context
	File    string // the file that defines it
}

// Contexts lists the contexts of the kubeconfig files, merged as kubectl merges them and sorted by name. Without paths they are those
// of KUBECONFIG, or else ~/.kube/config; files that are not there count as empty then, and there may be no context at all.
// An error names the file that cannot be read or parsed, and never repeats what is in it.
func Contexts(paths ...string) ([]ContextInfo, error) {
	merged, err := mergedKubeconfig(paths)
	if err != nil {
		return nil, err
	}
	contexts := make([]ContextInfo, 0, len(merged.Contexts))
	for name, context := range merged.Contexts {
		info := ContextInfo{Name: name, Cluster: context.Cluster, Current: name == merged.CurrentContext, File: context.LocationOfOrigin}
		if cluster := merged.Clusters[context.Cluster]; cluster != nil {
			info.Server = cluster.Server
		}
		contexts = append(contexts, info)
	}
	slices.SortFunc(contexts, func(a, b ContextInfo) int { return strings.Compare(a.Name, b.Name) })
	return contexts, nil
}

// CurrentContext is the name of the current context of the same files as Contexts reads, "" where none is set.
func CurrentContext(paths ...string) (string, error) {
	merged, err := mergedKubeconfig(paths)
	if err != nil {
		return "", err
	}
	return merged.CurrentContext, nil
}

func mergedKubeconfig(paths []string) (*clientcmdapi.Config, error) {
	mustExist := len(paths) > 0
	if !mustExist {
		if list := os.Getenv("KUBECONFIG"); list != "" {
			paths = filepath.SplitList(list)
		} else if home := defaultKubeconfig(os.Getenv); home != "" {
			paths = []string{home}
		}
	}
	var found []string
	for _, path := range paths {
		err := checkKubeconfigFile(path)
		switch {
		case err == nil:
			found = append(found, path)
		case errors.Is(err, os.ErrNotExist) && !mustExist:
		default:
			return nil, err
		}
	}
	merged, err := (&clientcmd.ClientConfigLoadingRules{Precedence: found}).Load()
	if err != nil {
		return nil, fmt.Errorf("merge kubeconfig files: %w", parseError(err))
	}
	return merged, nil
}

// checkKubeconfigFile reads a kubeconfig file only to name it in an error that does not repeat its content.
func checkKubeconfigFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	if _, err := clientcmd.Load(content); err != nil {
		return fmt.Errorf("parse kubeconfig %s: %w", path, parseError(err))
	}
	return nil
}

var lineNumber = regexp.MustCompile(`\bline (\d+)`)

// parseError tells where a kubeconfig cannot be parsed. The parser's own message is left out: it quotes the value it stumbled over,
// which may be a token.
func parseError(err error) error {
	if found := lineNumber.FindString(err.Error()); found != "" {
		return fmt.Errorf("%s is not as a kubeconfig's should be", found)
	}
	return errors.New("it is not a kubeconfig: neither YAML nor JSON of kind Config")
}

// isContent tells a kubeconfig's content from a path to it.
func isContent(value string) bool {
	trimmed := strings.TrimSpace(value)
	return strings.Contains(trimmed, "\n") || strings.Contains(trimmed, "apiVersion") || strings.HasPrefix(trimmed, "{")
}

func homeDir(getenv func(string) string) string {
	if home := getenv("HOME"); home != "" {
		return home
	}
	if runtime.GOOS == "windows" {
		return getenv("USERPROFILE")
	}
	return ""
}

// defaultKubeconfig is ~/.kube/config, "" where there is no home.
func defaultKubeconfig(getenv func(string) string) string {
	home := homeDir(getenv)
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".kube", "config")
}

// fromContent reads a kubeconfig that stands in the configuration or the environment itself. Relative paths in it start from the
// configuration's folder.
func (r *resolver) fromContent(content, attribute, from, context string) (*rest.Config, string) {
	merged, err := clientcmd.Load([]byte(content))
	if err != nil {
		r.problem(attribute, fmt.Sprintf("%s cannot be parsed", capital(from)), joinSentences(parseError(err).Error()))
		return nil, ""
	}
	origin := filepath.Join(r.environment.Dir, "kubeconfig")
	for _, cluster := range merged.Clusters {
		cluster.LocationOfOrigin = origin
	}
	for _, user := range merged.AuthInfos {
		user.LocationOfOrigin = origin
	}
	if err := clientcmd.ResolveLocalPaths(merged); err != nil {
		r.problem(attribute, fmt.Sprintf("The paths in %s cannot be resolved", from), joinSentences(err.Error()))
		return nil, ""
	}
	return r.fromMerged(merged, nil, attribute, from, context)
}

// fromList reads the files of an environment variable as kubectl does: those that are not there count as empty, but not all of them.
func (r *resolver) fromList(paths []string, variable, context string) (*rest.Config, string) {
	var found []string
	for _, path := range paths {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		r.problem("", fmt.Sprintf("%s names no file that is there", variable), fmt.Sprintf("It is set to %s.", strings.Join(paths, string(filepath.ListSeparator))))
		return nil, ""
	}
	return r.fromFiles(found, "", context)
}

func (r *resolver) fromFiles(paths []string, attribute, context string) (*rest.Config, string) {
	before := len(r.problems)
	for _, path := range paths {
		err := checkKubeconfigFile(path)
		var pathError *os.PathError
		switch {
		case err == nil:
		case errors.As(err, &pathError):
			r.problem(attribute, fmt.Sprintf("The kubeconfig %s cannot be read", path), joinSentences(reason(pathError)))
		default:
			r.problem(attribute, fmt.Sprintf("The kubeconfig %s cannot be parsed", path), joinSentences(errors.Unwrap(err).Error()))
		}
	}
	if len(r.problems) > before {
		return nil, ""
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	merged, err := rules.Load()
	from := "the kubeconfig " + strings.Join(paths, ", ")
	if err != nil {
		r.problem(attribute, fmt.Sprintf("%s cannot be loaded", capital(from)), joinSentences(parseError(err).Error()))
		return nil, ""
	}
	return r.fromMerged(merged, rules, attribute, from, context)
}

// fromMerged takes one context of a kubeconfig: the one that is asked for, else the current one, else the only one there is.
// access is where a legacy auth-provider saves a renewed token, nil where there is no file.
func (r *resolver) fromMerged(merged *clientcmdapi.Config, access clientcmd.ConfigAccess, attribute, from, context string) (*rest.Config, string) {
	contextAttribute := attribute
	if context != "" {
		contextAttribute = "context"
	} else {
		context = merged.CurrentContext
	}
	names := contextNames(merged)
	if context == "" && len(names) == 1 {
		context = names[0]
	}
	switch {
	case context == "" && len(names) == 0:
		r.problem(attribute, fmt.Sprintf("%s has no context", capital(from)), "A context names a cluster and a user of the kubeconfig.")
		return nil, ""
	case context == "":
		r.problem(attribute, fmt.Sprintf("%s has no current context", capital(from)), "Set context to one of: "+strings.Join(names, ", ")+".")
		return nil, ""
	case merged.Contexts[context] == nil:
		detail := "It has none at all."
		if len(names) > 0 {
			detail = "It has: " + strings.Join(names, ", ") + "."
		}
		r.problem(contextAttribute, fmt.Sprintf("%s has no context %q", capital(from), context), detail)
		return nil, ""
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*merged, context, &clientcmd.ConfigOverrides{}, access).ClientConfig()
	if err != nil {
		r.problem(attribute, fmt.Sprintf("The context %q of %s cannot be used", context, from), joinSentences(err.Error()))
		return nil, ""
	}
	if config.ExecProvider != nil {
		// Standard input is not the plug-in's: several clusters are read at once, and k8sq may take SQL from it.
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "k8sq runs credential plug-ins without a terminal"
	}
	if config.AuthProvider != nil && config.AuthConfigPersister == nil {
		config.AuthConfigPersister = forgetful{}
	}
	return config, fmt.Sprintf("context %s of %s", context, from)
}

func contextNames(merged *clientcmdapi.Config) []string {
	names := make([]string, 0, len(merged.Contexts))
	for name := range merged.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// forgetful lets a legacy auth-provider renew the token of a kubeconfig that is no file and so has nowhere to be saved.
type forgetful struct{}

func (forgetful) Persist(map[string]string) error { return nil }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
