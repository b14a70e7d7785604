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
		"interval":     "scheduled syncs (interval)",
		"schedule":     "scheduled syncs (schedule)",
		"run_on_start": "scheduled syncs (run_on_start)",
	}
	// laterProvider holds only where the provider's definition does not know the name itself.
	laterProvider = map[string]string{
		"interval":     "scheduled syncs (interval)",
		"schedule":     "scheduled syncs (schedule)",
		"run_on_start": "scheduled syncs (run_on_start)",
	}
)
