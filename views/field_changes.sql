-- One row for every path that an update added, updated or removed. operation is the change's, as in changes (always updated, for only updates have
-- paths); action is the path's: added, updated or removed. old is NULL for what was added, new for what was removed
-- (a value that was null is the JSON null). A change that was recorded without its diff has its paths here too, and of them nothing else: action,
-- old and new are NULL. managers, confidence and modified_at are those of the path, out of the change's attribution; a change from
-- before there was one gives its own managers and time for every path, without a confidence.
CREATE VIEW field_changes AS
SELECT
    cluster, provider, type, date, api_group, api_version, kind, namespace, name, resource_id, uid, from_version, to_version, operation, action,
    captured_at,
    CASE WHEN known THEN list_max(list_transform(who[path], w -> w.time)) ELSE modified_at END AS modified_at,
    sync_id, path,
    CASE regexp_extract(path, '^[A-Za-z0-9_]+') WHEN 'spec' THEN 'spec' WHEN 'metadata' THEN 'metadata' WHEN 'status' THEN 'status' ELSE 'data' END AS class,
    CASE action WHEN 'removed' THEN value WHEN 'updated' THEN value -> '$.from' END AS old,
    CASE action WHEN 'added' THEN value WHEN 'updated' THEN value -> '$.to' END AS new,
    CASE WHEN known THEN coalesce(list_sort(list_distinct(list_transform(who[path], w -> w.manager))), []) ELSE managers END AS managers,
    CASE WHEN known THEN who[path][1].confidence END AS confidence
FROM (
    SELECT * EXCLUDE (entry), entry.action AS action, entry.path AS path, entry.value AS value
    FROM (
        SELECT
            * EXCLUDE (diff, added, updated, removed, paths, generation, attribution),
            attribution IS NOT NULL AS known,
            TRY_CAST(TRY_CAST(attribution AS JSON) AS MAP(VARCHAR, STRUCT(confidence VARCHAR, manager VARCHAR, "time" TIMESTAMPTZ)[])) AS who,
            unnest(CASE WHEN diff IS NULL
                THEN list_transform(paths, p -> {'action': NULL::VARCHAR, 'path': p, 'value': NULL::JSON})
                ELSE list_concat(
                    list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.added') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'added', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)}),
                    list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.updated') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'updated', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)}),
                    list_transform(map_entries(coalesce(TRY_CAST(json_extract(diff, '$.removed') AS MAP(VARCHAR, JSON)), MAP {})), e -> {'action': 'removed', 'path': e.key, 'value': coalesce(e.value, 'null'::JSON)})
                ) END) AS entry
        FROM lake.changes
    )
)
