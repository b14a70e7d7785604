-- One row for every distinct state that any object ever had, and for every deletion (whose metadata, spec, status, fields and data are NULL).
CREATE VIEW versions AS
SELECT
    cluster, provider, type, date, api_group, api_version, kind, namespace, name, resource_id, uid,
    version, operation, digest, previous_digest, captured_at, modified_at, managers, sync_id, generation, labels, annotations,
    owner_kind, owner_name, owner_uid, phase,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    CASE WHEN metadata IS NOT NULL THEN
        ('{"apiVersion":' || to_json(CASE api_group WHEN 'core' THEN api_version ELSE api_group || '/' || api_version END)
            || ',"kind":' || to_json(kind)
            || CASE WHEN length(fields) > 2 THEN ',' || fields[2:-2] ELSE '' END
            || ',"metadata":' || metadata
            || coalesce(',"spec":' || spec, '') || coalesce(',"status":' || status, '') || '}')::JSON
    END AS data
FROM lake.versions
