-- history('apps.v1.Deployment', 'shop/web'): one row a version of the object, in every cluster that has or had it, the oldest first.
-- Parameters hide columns of their name, so every column is qualified.
CREATE MACRO history(type, id) AS TABLE
SELECT
    v.cluster, v.version, v.operation, v.captured_at, v.modified_at, v.managers, v.digest,
    coalesce(c.paths, []) AS paths, coalesce(c.added, 0) AS added, coalesce(c.updated, 0) AS updated, coalesce(c.removed, 0) AS removed, c.diff::JSON AS diff,
    v.phase, v.uid, v.sync_id
FROM (SELECT * FROM lake.versions AS all_versions WHERE all_versions.type = type AND all_versions.resource_id = id) AS v
LEFT JOIN (SELECT * FROM lake.changes AS all_changes WHERE all_changes.type = type AND all_changes.resource_id = id) AS c
    ON c.cluster = v.cluster AND c.provider = v.provider AND c.to_version = v.version
ORDER BY v.cluster, v.version
