-- One row for every path that an update added, updated or removed. operation is the change's, as in changes (always updated, for only updates have
-- paths); action is the path's: added, updated or removed. old is NULL for what was added, new for what was removed
-- (a value that was null is the JSON null).
CREATE VIEW field_changes AS
SELECT
    cluster, provider, type, date, api_group, api_version, kind, namespace, name, resource_id, uid, from_version, to_version, operation, action,
    captured_at, modified_at, sync_id, path,
    CASE regexp_extract(path, '^[A-Za-z0-9_]+') WHEN 'spec' THEN 'spec' WHEN 'metadata' THEN 'metadata' WHEN 'status' THEN 'status' ELSE 'data' END AS class,
    CASE action WHEN 'removed' THEN value WHEN 'updated' THEN value -> '$.from' END AS old,
    CASE action WHEN 'added' THEN value WHEN 'updated' THEN value -> '$.to' END AS new,
    managers
FROM (
    SELECT * EXCLUDE (entry), entry.action AS action, entry.path AS path, entry.value AS value
    FROM (
        SELECT
            * EXCLUDE (diff, added, updated, removed, paths, generation),
            unnest(list_concat(
                list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.added') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'added', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)}),
                list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.updated') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'updated', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)}),
                list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.removed') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'removed', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)})
            )) AS entry
        FROM lake.changes
    )
)
