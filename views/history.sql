-- history('apps.v1.Deployment', 'shop/web'): one row a version of the object, in every cluster that has or had it, the oldest first. What it was
-- under other versions of its type is part of it: a cluster that is upgraded may serve apps.v1beta1 first and apps.v1 then, of one object.
-- Parameters hide columns of their name, so every column is qualified.
CREATE MACRO history(type, id) AS TABLE
SELECT
    v.cluster, v.version, v.operation, v.captured_at, v.modified_at, v.managers, v.digest,
    coalesce(c.paths, []) AS paths, coalesce(c.added, 0) AS added, coalesce(c.updated, 0) AS updated, coalesce(c.removed, 0) AS removed, c.diff::JSON AS diff,
    v.phase, v.uid, v.sync_id, v.type
FROM (
    SELECT * FROM lake.versions AS all_versions
    WHERE regexp_replace(all_versions.type, '[^.]+[.]([^.]+)$', '\1') = regexp_replace(type, '[^.]+[.]([^.]+)$', '\1') AND all_versions.resource_id = id
) AS v
LEFT JOIN (
    SELECT * FROM lake.changes AS all_changes
    WHERE regexp_replace(all_changes.type, '[^.]+[.]([^.]+)$', '\1') = regexp_replace(type, '[^.]+[.]([^.]+)$', '\1') AND all_changes.resource_id = id
) AS c ON c.cluster = v.cluster AND c.provider = v.provider AND c.type = v.type AND c.to_version = v.version
ORDER BY v.cluster, v.captured_at, v.type, v.version
