-- resource_at('apps.v1.Deployment', 'shop/web', 3): the object as it was in that version, in every cluster that has or had it. The columns are those of versions.
-- Parameters hide columns of their name, so every column is qualified.
CREATE MACRO resource_at(type, id, version) AS TABLE
SELECT
    v.cluster, v.provider, v.type, v.date, v.api_group, v.api_version, v.kind, v.namespace, v.name, v.resource_id, v.uid,
    v.version, v.operation, v.digest, v.previous_digest, v.captured_at, v.modified_at, v.managers, v.sync_id, v.generation, v.labels, v.annotations,
    v.owner_kind, v.owner_name, v.owner_uid, v.phase,
    v.metadata::JSON AS metadata, v.spec::JSON AS spec, v.status::JSON AS status, v.fields::JSON AS fields,
    CASE WHEN v.metadata IS NOT NULL THEN
        ('{"apiVersion":' || to_json(CASE v.api_group WHEN 'core' THEN v.api_version ELSE v.api_group || '/' || v.api_version END)
            || ',"kind":' || to_json(v.kind)
            || CASE WHEN length(v.fields) > 2 THEN ',' || v.fields[2:-2] ELSE '' END
            || ',"metadata":' || v.metadata
            || coalesce(',"spec":' || v.spec, '') || coalesce(',"status":' || v.status, '') || '}')::JSON
    END AS data
FROM lake.versions AS v
WHERE v.type = type AND v.resource_id = id AND v.version = version
ORDER BY v.cluster
