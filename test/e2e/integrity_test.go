package e2e

import "testing"

// checkIntegrity fails the test unless every object's versions are 1, 2, 3 … once each, every change joins two of them, and the
// snapshots are the last of them.
func (l lake) checkIntegrity(t *testing.T) {
	t.Helper()
	const object = "cluster, provider, type, resource_id"
	l.expectNone(t, "versions that are missing or there twice", `
		SELECT `+object+`, count(*) AS rows, min(version) AS first, max(version) AS last FROM versions
		GROUP BY `+object+` HAVING min(version) <> 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)`)
	l.expectNone(t, "versions whose previous digest is not that of the version before", `
		SELECT * FROM (
			SELECT `+object+`, version, operation, digest, previous_digest,
				lag(digest) OVER (PARTITION BY `+object+` ORDER BY version) AS before
			FROM versions)
		WHERE previous_digest IS DISTINCT FROM before OR (operation = 'updated' AND digest = before)`)
	l.expectNone(t, "operations in an impossible order", `
		SELECT * FROM (
			SELECT `+object+`, version, operation,
				lag(operation) OVER (PARTITION BY `+object+` ORDER BY version) AS before
			FROM versions)
		WHERE CASE
			WHEN operation = 'discovered' THEN before IS NOT NULL AND before <> 'deleted'
			WHEN operation = 'created' THEN before IS NOT NULL AND before <> 'deleted'
			ELSE before IS NULL OR before = 'deleted' END`)
	l.expectNone(t, "times that go back", `
		SELECT * FROM (
			SELECT `+object+`, version, generation, captured_at,
				lag(captured_at) OVER w AS time_before, lag(generation) OVER w AS generation_before
			FROM versions WINDOW w AS (PARTITION BY `+object+` ORDER BY version))
		WHERE captured_at < time_before OR generation < generation_before`)
	// A generation without versions is one in which objects only left the scope or came back.
	l.expectNone(t, "generations of several syncs", `
		SELECT cluster, provider, type, generation, count(DISTINCT sync_id) AS syncs FROM versions
		GROUP BY ALL HAVING count(DISTINCT sync_id) <> 1`)
	l.expectNone(t, "versions without their change, changes without their version, or changes there twice", `
		SELECT `+object+`, version, to_version, count(*) AS rows FROM
			(SELECT `+object+`, version, operation, sync_id, generation, captured_at FROM versions WHERE operation <> 'discovered') v
			FULL JOIN (SELECT `+object+`, to_version, operation, sync_id, generation, captured_at FROM changes) c
			USING (`+object+`, operation, sync_id, generation, captured_at)
		GROUP BY ALL HAVING count(*) <> 1 OR version IS DISTINCT FROM to_version`)
	l.expectNone(t, "changes that do not start from the version before", `
		SELECT `+object+`, from_version, to_version, operation FROM changes
		WHERE coalesce(from_version, to_version - 1) <> to_version - 1 OR (from_version IS NULL AND operation <> 'created')`)
	l.expectNone(t, "updates whose counts, paths and diff differ", `
		SELECT `+object+`, to_version, added, updated, removed, paths, diff FROM changes
		WHERE CASE WHEN operation = 'updated'
			THEN diff IS NULL OR added + updated + removed = 0 OR len(paths) = 0
				OR len(json_keys(diff, '$.added')) <> added OR len(json_keys(diff, '$.updated')) <> updated OR len(json_keys(diff, '$.removed')) <> removed
			ELSE diff IS NOT NULL OR added + updated + removed <> 0 END`)
	l.expectNone(t, "snapshots that are not the last version", `
		SELECT `+object+`, latest_version, latest_digest, s.deleted_at, v.version, v.digest, v.operation FROM
			(SELECT `+object+`, latest_version, latest_digest, generation, deleted_at, CAST(spec AS VARCHAR) AS spec,
				CAST(status AS VARCHAR) AS status, CAST(fields AS VARCHAR) AS fields FROM snapshots
			 UNION ALL BY NAME
			 SELECT `+object+`, latest_version, latest_digest, generation, NULL AS deleted_at, CAST(spec AS VARCHAR) AS spec,
				CAST(status AS VARCHAR) AS status, CAST(fields AS VARCHAR) AS fields FROM unobserved_resources WHERE unobserved_reason <> 'out of scope'
			 UNION ALL BY NAME
			 SELECT `+object+`, latest_version, latest_digest, generation, deleted_at, NULL AS spec, NULL AS status, NULL AS fields FROM deleted_resources) s
			FULL JOIN (SELECT `+object+`, version, coalesce(digest, previous_digest) AS digest, operation, generation,
				CAST(spec AS VARCHAR) AS spec, CAST(status AS VARCHAR) AS status, CAST(fields AS VARCHAR) AS fields FROM versions
				QUALIFY row_number() OVER (PARTITION BY `+object+` ORDER BY version DESC) = 1) v
			USING (`+object+`)
		WHERE latest_version IS DISTINCT FROM version OR latest_digest IS DISTINCT FROM digest OR s.generation IS DISTINCT FROM v.generation
			OR (operation = 'deleted') <> (s.deleted_at IS NOT NULL)
			OR (operation <> 'deleted' AND (s.spec IS DISTINCT FROM v.spec OR s.status IS DISTINCT FROM v.status OR s.fields IS DISTINCT FROM v.fields))`)
	l.expectNone(t, "clusters known under two providers", `SELECT cluster FROM snapshots GROUP BY cluster HAVING count(DISTINCT provider) > 1`)
}
