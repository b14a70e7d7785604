-- One row for every object that was deleted and is still remembered, as it was last seen.
CREATE VIEW deleted_resources AS
SELECT
    cluster, provider, type, api_group, api_version, kind, namespace, name, resource_id, uid, labels, annotations,
    owner_kind, owner_name, owner_uid, created_at, first_seen_at, updated_at, deleted_at, phase, latest_version, latest_digest, generation,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    CASE WHEN metadata IS NOT NULL THEN
        ('{"apiVersion":' || to_json(CASE api_group WHEN 'core' THEN api_version ELSE api_group || '/' || api_version END)
            || ',"kind":' || to_json(kind)
            || CASE WHEN length(fields) > 2 THEN ',' || fields[2:-2] ELSE '' END
            || ',"metadata":' || metadata
            || coalesce(',"spec":' || spec, '') || coalesce(',"status":' || status, '') || '}')::JSON
    END AS data
FROM lake.snapshots
WHERE deleted_at IS NOT NULL
