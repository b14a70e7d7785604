-- Was the leaked key really replaced, when, and is any key readable in the lake?
-- (A value is kept only as a keyed hash: enough to see that it is another one.)
SELECT strftime(captured_at, '%a %d') AS day, resource_id, path,
       (old ->> '$')[:18] AS old, (new ->> '$')[:18] AS new,
       (SELECT count(*) FROM versions
        WHERE contains(fields::VARCHAR, 'not-a-real-key')
           OR contains(fields::VARCHAR, to_base64('not-a-real-key'::BLOB)[:18])) AS readable
FROM field_changes
WHERE kind = 'Secret' AND class = 'data'
ORDER BY captured_at;
