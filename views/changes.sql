-- One row for every created, updated and deleted version: what it changed. The diff is {"added": {path: value}, "updated": {path: {"from", "to"}}, "removed": {path: value}}.
CREATE VIEW changes AS
SELECT
    cluster, provider, type, date, api_group, api_version, kind, namespace, name, resource_id, uid,
    from_version, to_version, operation, captured_at, modified_at, managers, sync_id, generation, added, updated, removed, paths, diff::JSON AS diff,
    attribution::JSON AS attribution
FROM lake.changes
