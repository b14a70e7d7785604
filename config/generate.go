package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Context is what a kubeconfig says of one of its contexts.
type Context struct {
	Name    string
	File    string // the kubeconfig's path, "" for the one that is found by default
	Server  string // the API server's URL, for the comment; may be ""
	Current bool
	Problem string // why it cannot be used, as a sentence; "" where it can
}

// Generate writes the text of a k8sq.hcl that collects each context that can be used into a lake, DefaultLake where lakeURL is empty. Cluster ids are made of
// the contexts' names and are all different. Load reads it back.
func Generate(contexts []Context, lakeURL string) string {
	if lakeURL == "" {
		lakeURL = "./" + DefaultLake
	}
	var text strings.Builder
	text.WriteString("# Which clusters k8sq reads, and where it keeps their history.\n")
	text.WriteString("# \"k8sq validate --connect\" tries it out, \"k8sq sync\" collects.\n\n")
	text.WriteString("lake {\n")
	text.WriteString("# A folder, which starts from this file's, or a bucket: \"s3://bucket/prefix\".\n")
	fmt.Fprintf(&text, "url = %s\n}\n", quote(lakeURL))
	if len(contexts) == 0 {
		text.WriteString("\n# No kubeconfig with a context was found. A cluster is a block of this form; the second label is the cluster's id,\n")
		text.WriteString("# which stays with its data for good.\n#\n")
		text.WriteString("# provider \"kubernetes\" \"prod\" {\n#   kubeconfig = env.KUBECONFIG_PROD # a path, or the content itself\n# }\n")
		return string(hclwrite.Format([]byte(text.String())))
	}
	text.WriteString("\n# A block for each cluster. The second label is the cluster's id: it names the cluster in every row and stays with its\n")
	text.WriteString("# data for good, so choose it before the first sync. tags = { env = \"prod\" } adds what you want to ask by.\n")
	taken := map[string]bool{}
	for _, context := range contexts {
		if context.Problem != "" {
			fmt.Fprintf(&text, "\n# The context %q is left out. %s\n", oneLine(context.Name), strings.TrimSuffix(oneLine(context.Problem), "."))
			continue
		}
		id := unique(ClusterID(context.Name), taken)
		text.WriteByte('\n')
		if note := comment(context); note != "" {
			fmt.Fprintf(&text, "# %s\n", note)
		}
		fmt.Fprintf(&text, "provider \"kubernetes\" %s {\n", quote(id))
		if context.File != "" {
			fmt.Fprintf(&text, "kubeconfig = %s\n", quote(context.File))
		}
		fmt.Fprintf(&text, "context = %s\n}\n", quote(context.Name))
	}
	text.WriteString("\ncollect {\n")
	fmt.Fprintf(&text, "concurrency = %d # resource types of a cluster that are listed at a time\n\n", DefaultConcurrency)
	text.WriteString("# Everything that may be listed is, but for what changes without meaning, such as Events and Leases. To narrow it:\n")
	text.WriteString("# select {\n#   resource_types = [\"core.v1.Pod\", \"apps.v1.*\"]\n# }\n")
	text.WriteString("# ignore {\n#   resource_types = [\"*.Secret\"]\n# }\n}\n")
	return string(hclwrite.Format([]byte(text.String())))
}

// IgnoreFields writes the collect block that ignores the paths, each with its comment. The comments are not aligned, so that the lines fit a narrow
// terminal.
func IgnoreFields(paths, comments []string) string {
	var text strings.Builder
	text.WriteString("collect {\n  changes {\n    ignore_fields = [\n")
	for i, path := range paths {
		fmt.Fprintf(&text, "      %s, # %s\n", quote(path), oneLine(comments[i]))
	}
	text.WriteString("    ]\n  }\n}\n")
	return text.String()
}

func comment(context Context) string {
	server := withoutUserInfo(oneLine(context.Server))
	switch {
	case context.Current && server != "":
		return "The current context, " + server
	case context.Current:
		return "The current context"
	default:
		return server
	}
}

// quote gives a string as HCL writes it: ${ and %{ would begin a template otherwise.
func quote(text string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes())
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

var (
	eksContext       = regexp.MustCompile(`^arn:[^:]*:eks:[^:]*:[^:]*:cluster/(.+)$`)
	gkeContext       = regexp.MustCompile(`^gke_[^_]+_[^_]+_(.+)$`)
	openShiftContext = regexp.MustCompile(`^[^/]*/([^/]+):[0-9]+/[^/]*$`)
	eksctlSuffix     = regexp.MustCompile(`\.[a-z0-9-]+\.eksctl\.io$`)
	notInAnID        = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
)

// ClusterID makes a cluster's id of a kubeconfig context's name. What clouds put around the cluster's name is dropped:
// arn:aws:eks:…:cluster/shop (EKS), gke_project_zone_shop (GKE), user@shop (kubeadm, eksctl), namespace/server:6443/user (OpenShift).
// It is "cluster" where nothing is left.
func ClusterID(context string) string {
	name := context
	if match := eksContext.FindStringSubmatch(name); match != nil {
		name = match[1]
	} else if match := gkeContext.FindStringSubmatch(name); match != nil {
		name = match[1]
	} else if match := openShiftContext.FindStringSubmatch(name); match != nil {
		name = match[1]
	} else if at := strings.LastIndexByte(name, '@'); at >= 0 && at < len(name)-1 {
		name = eksctlSuffix.ReplaceAllString(name[at+1:], "")
	}
	name = strings.Trim(notInAnID.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		return "cluster"
	}
	return name
}

// unique gives the id, with a number behind it where it is taken. Letter case does not tell ids apart: a lake may lie on a file system that
// knows none.
func unique(id string, taken map[string]bool) string {
	candidate := id
	for number := 2; taken[strings.ToLower(candidate)]; number++ {
		candidate = fmt.Sprintf("%s-%d", id, number)
	}
	taken[strings.ToLower(candidate)] = true
	return candidate
}
