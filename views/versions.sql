-- One row for every distinct state that any object ever had, and for every deletion (whose metadata, spec, status, fields and data are NULL).
CREATE VIEW versions AS
SELECT
    cluster, provider, type, date, api_group, api_version, kind, namespace, name, resource_id, uid,
    version, operation, digest, previous_digest, captured_at, modified_at, managers, sync_id, generation, labels, annotations,
    owner_kind, owner_name, owner_uid, phase,
    metadata::JSON AS metadata, spec::JSON AS spec, status::JSON AS status, fields::JSON AS fields,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.versions
