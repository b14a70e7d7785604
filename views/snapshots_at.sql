-- snapshots_at('2026-01-31 12:00'): every object that lived then, as snapshots showed it. Times without a zone are UTC.
CREATE MACRO snapshots_at(ts) AS TABLE
SELECT
    cluster, provider, type, api_group, api_version, kind, namespace, name, resource_id, uid, labels, annotations,
    owner_kind, owner_name, owner_uid, TRY_CAST(json_extract_string(metadata, '$.creationTimestamp') AS TIMESTAMP WITH TIME ZONE) AS created_at,
    first_seen_at, captured_at AS updated_at, NULL::TIMESTAMP WITH TIME ZONE AS deleted_at, phase, version AS latest_version, digest AS latest_digest, generation,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM (
    SELECT *, min(captured_at) OVER (PARTITION BY cluster, provider, type, resource_id) AS first_seen_at
    FROM lake.versions
    WHERE captured_at <= ts::TIMESTAMP WITH TIME ZONE
    QUALIFY row_number() OVER (PARTITION BY cluster, provider, type, resource_id ORDER BY version DESC) = 1
)
WHERE operation <> 'deleted'
