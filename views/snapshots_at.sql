-- snapshots_at('2026-01-31 12:00'): every object that lived then, as snapshots showed it. Times without a zone are UTC. What had moved to another
-- version of its type, or was not served any more, is left out from then on.
CREATE MACRO snapshots_at(ts) AS TABLE
SELECT
    v.cluster, v.provider, v.type, v.api_group, v.api_version, v.kind, v.namespace, v.name, v.resource_id, v.uid, v.labels, v.annotations,
    v.owner_kind, v.owner_name, v.owner_uid, TRY_CAST(json_extract_string(v.metadata, '$.creationTimestamp') AS TIMESTAMP WITH TIME ZONE) AS created_at,
    v.first_seen_at, v.captured_at AS updated_at, NULL::TIMESTAMP WITH TIME ZONE AS deleted_at, v.phase, v.version AS latest_version,
    v.digest AS latest_digest, v.generation,
    v.metadata::JSON AS metadata, v.spec::JSON AS spec, v.status::JSON AS status, v.fields::JSON AS fields,
    object_json(v.api_group, v.api_version, v.kind, v.metadata, v.spec, v.status, v.fields) AS data,
    u.unobserved_since, u.unobserved_reason
FROM (
    SELECT *, min(captured_at) OVER (PARTITION BY cluster, provider, type, resource_id) AS first_seen_at
    FROM lake.versions
    WHERE captured_at <= ts::TIMESTAMP WITH TIME ZONE
    QUALIFY row_number() OVER (PARTITION BY cluster, provider, type, resource_id ORDER BY version DESC) = 1
) AS v
LEFT JOIN (
    SELECT cluster, provider, type, resource_id, unobserved_since, unobserved_reason
    FROM lake.snapshots
    WHERE unobserved_since <= ts::TIMESTAMP WITH TIME ZONE
) AS u ON u.cluster = v.cluster AND u.provider = v.provider AND u.type = v.type AND u.resource_id = v.resource_id
WHERE v.operation <> 'deleted' AND (u.unobserved_reason IS NULL OR u.unobserved_reason = 'out of scope')
