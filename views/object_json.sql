-- object_json(api_group, api_version, kind, metadata, spec, status, fields): the whole object, put together again of the columns it is stored in.
CREATE MACRO object_json(api_group, api_version, kind, metadata, spec, status, fields) AS
    CASE WHEN metadata IS NOT NULL THEN
        ('{"apiVersion":' || to_json(CASE api_group WHEN 'core' THEN api_version ELSE api_group || '/' || api_version END)
            || ',"kind":' || to_json(kind)
            || CASE WHEN length(fields) > 2 THEN ',' || fields[2:-2] ELSE '' END
            || ',"metadata":' || metadata
            || coalesce(',"spec":' || spec, '') || coalesce(',"status":' || status, '') || '}')::JSON
    END
