-- One row for every object that is no longer looked at, though nobody saw it deleted, as it was last seen, and why.
CREATE VIEW unobserved_resources AS
SELECT
    cluster, provider, type, unobserved_since, unobserved_reason,
    CASE WHEN starts_with(unobserved_reason, 'moved to ') THEN substr(unobserved_reason, 10) END AS moved_to,
    api_group, api_version, kind, namespace, name, resource_id, uid, labels, annotations,
    owner_kind, owner_name, owner_uid, created_at, first_seen_at, updated_at, phase, latest_version, latest_digest, generation,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.snapshots
WHERE deleted_at IS NULL AND unobserved_since IS NOT NULL
