-- One row for every object that lives: its latest state. data is the whole object put together again. An object that is out of scope is among
-- them, with the time since when nobody has looked; what moved to another version of its type, or is not served any more, is not.
CREATE VIEW snapshots AS
SELECT
    cluster, provider, type, api_group, api_version, kind, namespace, name, resource_id, uid, labels, annotations,
    owner_kind, owner_name, owner_uid, created_at, first_seen_at, updated_at, deleted_at, phase, latest_version, latest_digest, generation,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data,
    unobserved_since, unobserved_reason, managed_at, seen_digest
FROM lake.snapshots
WHERE deleted_at IS NULL AND (unobserved_reason IS NULL OR unobserved_reason = 'out of scope')
