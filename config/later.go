package config

// summaryNotYet heads the refusal of what DESIGN.md 3.1 names and this version cannot do: to ignore it would be to collect, keep or send
// something else than what is written.
const summaryNotYet = "Not available yet"

// What is refused in each block, by the name of the attribute or block, with the words that say what it would be.
var (
	laterRoot = map[string]string{
		"ttl":     "retention (ttl)",
		"webhook": "webhooks",
		"report":  "reports",
	}
	laterCollect = map[string]string{
		"interval":         "scheduled syncs (interval)",
		"schedule":         "scheduled syncs (schedule)",
		"run_on_start":     "scheduled syncs (run_on_start)",
		"custom_resources": "settings for custom resources",
		"changes":          "settings for changes",
	}
	laterSelect = map[string]string{
		"namespaces": "selection by namespace",
		"labels":     "selection by label",
	}
	laterIgnore = map[string]string{
		"namespaces": "selection by namespace",
		"labels":     "selection by label",
		"pod_phases": "selection by pod phase",
	}
	laterRedact = map[string]string{
		"types":    "redaction rules of one's own",
		"paths":    "redaction rules of one's own",
		"patterns": "redaction rules of one's own",
		"names":    "redaction rules of one's own",
		"defaults": "redaction rules of one's own",
		"enabled":  "redaction rules of one's own",
	}
	// laterProvider holds only where the provider's definition does not know the name itself.
	laterProvider = map[string]string{
		"namespaces":         "selection by namespace",
		"exclude_namespaces": "selection by namespace",
		"collect":            "a collect block of a single provider",
		"select":             "a select block of a single provider",
		"ignore":             "an ignore block of a single provider",
		"custom_resources":   "settings for custom resources",
		"changes":            "settings for changes",
		"concurrency":        "a concurrency of a single provider",
		"interval":           "scheduled syncs (interval)",
		"schedule":           "scheduled syncs (schedule)",
		"run_on_start":       "scheduled syncs (run_on_start)",
	}
)
