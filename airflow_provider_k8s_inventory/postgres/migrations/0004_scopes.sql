ALTER TABLE k8s_syncs RENAME COLUMN shape TO row_format;

-- Pruning takes the oldest lines.
CREATE INDEX k8s_syncs_finished ON k8s_syncs (finished_at);

CREATE TABLE k8s_scopes (
    context_name text NOT NULL,
    resource text NOT NULL,
    selection text NOT NULL,
    namespaces text[],
    cluster_uid text,
    checkpoint text,
    rows bigint,
    row_format text,
    invalid_reason text,
    unverified bigint NOT NULL DEFAULT 0,
    verified_at timestamptz,
    first_synced_at timestamptz NOT NULL,
    last_success_at timestamptz,
    last_served_at timestamptz,
    last_status text NOT NULL,
    last_reason text,
    last_finished_at timestamptz NOT NULL,
    last_host text,
    PRIMARY KEY (context_name, resource, selection)
);

COMMENT ON TABLE k8s_scopes IS 'One row per scope: where its next sync can resume, and how the last one ended';
COMMENT ON COLUMN k8s_scopes.context_name IS 'The kubeconfig context';
COMMENT ON COLUMN k8s_scopes.resource IS 'The resource';
COMMENT ON COLUMN k8s_scopes.selection IS 'The objects it is narrowed to, as text; empty: all';
COMMENT ON COLUMN k8s_scopes.namespaces IS 'The namespaces it is narrowed to; NULL: all';
COMMENT ON COLUMN k8s_scopes.cluster_uid IS 'The cluster of the last good sync; NULL: it could not be told';
COMMENT ON COLUMN k8s_scopes.checkpoint IS 'The resourceVersion at which its rows were complete; NULL: there is none';
COMMENT ON COLUMN k8s_scopes.rows IS 'How many rows the last good sync left';
COMMENT ON COLUMN k8s_scopes.row_format IS 'What rows were made of: by which version, and whether whole objects are kept';
COMMENT ON COLUMN k8s_scopes.invalid_reason IS 'Why the checkpoint no longer holds; NULL: it holds';
COMMENT ON COLUMN k8s_scopes.unverified IS 'Good syncs since one that compared every object';
COMMENT ON COLUMN k8s_scopes.verified_at IS 'When a sync last compared every object';
COMMENT ON COLUMN k8s_scopes.first_synced_at IS 'When the first sync ended, whatever its end';
COMMENT ON COLUMN k8s_scopes.last_success_at IS 'When the rows were last known to be what the cluster says; NULL: never';
COMMENT ON COLUMN k8s_scopes.last_served_at IS 'When the cluster last served the resource; NULL: never';
COMMENT ON COLUMN k8s_scopes.last_status IS 'How the last sync ended that was not turned away by another one (busy)';
COMMENT ON COLUMN k8s_scopes.last_reason IS 'Why that was no success, and what to do';
COMMENT ON COLUMN k8s_scopes.last_finished_at IS 'When it ended';
COMMENT ON COLUMN k8s_scopes.last_host IS 'The machine it ran on';

-- The state of each scope as far as the ledger tells.
WITH scope AS (
    SELECT context_name, resource, namespaces,
        min(finished_at) AS first_synced_at,
        max(finished_at) FILTER (WHERE good) AS last_success_at,
        max(finished_at) FILTER (WHERE status = 'success') AS last_served_at,
        max(id) FILTER (WHERE good) AS good_id,
        max(id) FILTER (WHERE good AND (mode <> 'delta' OR drift IS NOT NULL)) AS verified_id,
        (array_agg(id ORDER BY status = 'busy', finished_at DESC, id DESC))[1] AS last_id
    FROM (SELECT *, status IN ('success', 'absent') AS good FROM k8s_syncs) AS sync
    -- A glob that matched nothing, or could not be told, has a line in the ledger; it is no scope.
    WHERE resource !~ '[*?[]'
    GROUP BY context_name, resource, namespaces
)
INSERT INTO k8s_scopes
SELECT scope.context_name, scope.resource, coalesce(array_to_string(scope.namespaces, ', '), ''), scope.namespaces,
    good.cluster_uid, good.resource_version, good.seen, good.row_format,
    (
        SELECT 'a sync of other namespaces has since written rows of another cluster or row format'
        FROM k8s_syncs AS other
        WHERE other.context_name = scope.context_name AND other.resource = scope.resource AND other.id > good.id
            AND other.status IN ('success', 'absent')
            AND (other.namespaces IS NULL OR scope.namespaces IS NULL OR other.namespaces && scope.namespaces)
            AND (other.cluster_uid, other.row_format) IS DISTINCT FROM (good.cluster_uid, good.row_format)
        LIMIT 1
    ),
    (
        SELECT count(*) FROM k8s_syncs AS later
        WHERE later.context_name = scope.context_name AND later.resource = scope.resource AND later.id > verified.id
            AND later.namespaces IS NOT DISTINCT FROM scope.namespaces AND later.status IN ('success', 'absent')
    ),
    verified.finished_at, scope.first_synced_at, scope.last_success_at, scope.last_served_at,
    last.status, last.reason, last.finished_at, last.host
FROM scope
JOIN k8s_syncs AS last ON last.id = scope.last_id
LEFT JOIN k8s_syncs AS good ON good.id = scope.good_id
LEFT JOIN k8s_syncs AS verified ON verified.id = scope.verified_id;

-- A custom resource is taken to be in namespaces until its cluster says that it is not; that is no scope either.
DELETE FROM k8s_scopes AS scope
WHERE namespaces IS NOT NULL AND last_served_at IS NULL AND EXISTS (
    SELECT FROM k8s_scopes AS whole
    WHERE whole.context_name = scope.context_name AND whole.resource = scope.resource
        AND whole.selection = '' AND whole.last_served_at > scope.last_finished_at
);

-- Readers of the ledger read views that show this table now; writers of the ledger write it, too.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
            CASE a.privilege_type WHEN 'INSERT' THEN 'SELECT, INSERT, UPDATE, DELETE' ELSE 'SELECT' END AS privileges
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'k8s_syncs'::regclass AND a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT')
    LOOP
        EXECUTE format('GRANT %s ON k8s_scopes TO %s', held.privileges, held.grantee);
    END LOOP;
    -- Only the users can write their policies: until they do, nobody but the owner sees a row.
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'k8s_syncs'::regclass) THEN
        ALTER TABLE k8s_scopes ENABLE ROW LEVEL SECURITY;
    END IF;
END
$$;
