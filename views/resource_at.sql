-- resource_at('apps.v1.Deployment', 'shop/web', 3): the object as it was in that version, in every cluster that has or had it. The columns are those of versions.
-- Parameters hide columns of their name, so every column is qualified.
CREATE MACRO resource_at(type, id, version) AS TABLE
SELECT
    v.cluster, v.provider, v.type, v.date, v.api_group, v.api_version, v.kind, v.namespace, v.name, v.resource_id, v.uid,
    v.version, v.operation, v.digest, v.previous_digest, v.captured_at, v.modified_at, v.managers, v.sync_id, v.generation, v.labels, v.annotations,
    v.owner_kind, v.owner_name, v.owner_uid, v.phase,
    v.metadata::JSON AS metadata, v.spec::JSON AS spec, v.status::JSON AS status, v.fields::JSON AS fields,
    object_json(v.api_group, v.api_version, v.kind, v.metadata, v.spec, v.status, v.fields) AS data
FROM lake.versions AS v
WHERE v.type = type AND v.resource_id = id AND v.version = version
ORDER BY v.cluster
