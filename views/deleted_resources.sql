-- One row for every object that was deleted and is still remembered, as it was last seen.
CREATE VIEW deleted_resources AS
SELECT
    cluster, provider, type, api_group, api_version, kind, namespace, name, resource_id, uid, labels, annotations,
    owner_kind, owner_name, owner_uid, created_at, first_seen_at, updated_at, deleted_at, phase, latest_version, latest_digest, generation,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.snapshots
WHERE deleted_at IS NOT NULL
