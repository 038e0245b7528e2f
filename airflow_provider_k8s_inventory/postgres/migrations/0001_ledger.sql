CREATE TABLE k8s_syncs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context_name text NOT NULL,
    cluster_uid text,
    resource text NOT NULL,
    namespaces text[],
    mode text NOT NULL,
    fallback text,
    shape text,
    status text NOT NULL,
    reason text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    resource_version text,
    pages integer NOT NULL,
    bytes bigint NOT NULL,
    seen bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    deleted bigint NOT NULL,
    drift bigint,
    warnings text[] NOT NULL,
    dag_id text,
    run_id text,
    task_id text,
    map_index integer,
    try_number integer
);

CREATE INDEX k8s_syncs_scope ON k8s_syncs (context_name, resource, id DESC);
CREATE INDEX k8s_syncs_run ON k8s_syncs (dag_id, run_id);

COMMENT ON TABLE k8s_syncs IS 'The ledger: one row per sync of a scope, whatever its end';
COMMENT ON COLUMN k8s_syncs.namespaces IS 'The namespaces it was narrowed to; NULL: all';
COMMENT ON COLUMN k8s_syncs.mode IS 'The way the scope was read: full, metadata or delta';
COMMENT ON COLUMN k8s_syncs.fallback IS 'Why it was not read in a cheaper way';
COMMENT ON COLUMN k8s_syncs.shape IS 'What rows were made of: by which version, and whether whole objects are kept';
COMMENT ON COLUMN k8s_syncs.drift IS 'Rows a check found to differ though every change had been applied; NULL: no check';
COMMENT ON COLUMN k8s_syncs.status IS 'success, absent, forbidden, unauthorized, unreachable, refused or failed';
COMMENT ON COLUMN k8s_syncs.reason IS 'Why it is not a success, and what to do';
COMMENT ON COLUMN k8s_syncs.resource_version IS 'The resourceVersion at which the answer was complete';
COMMENT ON COLUMN k8s_syncs.bytes IS 'Bytes of JSON the API server sent, uncompressed';
COMMENT ON COLUMN k8s_syncs.seen IS 'Objects in the complete answer';
COMMENT ON COLUMN k8s_syncs.deleted IS 'Rows whose objects were proven gone: deleted, or marked';

CREATE VIEW k8s_freshness AS
SELECT
    last.context_name,
    last.resource,
    last.namespaces,
    good.finished_at AS last_success_at,
    now() - good.finished_at AS age,
    last.status AS last_status,
    last.reason AS last_reason,
    last.finished_at AS last_finished_at
FROM (
    SELECT DISTINCT ON (context_name, resource, namespaces) *
    FROM k8s_syncs
    -- A glob that matched nothing, or could not be told, has a line in the ledger; it is no scope.
    WHERE resource !~ '[*?[]'
    ORDER BY context_name, resource, namespaces, id DESC
) AS last
LEFT JOIN LATERAL (
    SELECT finished_at
    FROM k8s_syncs
    WHERE context_name = last.context_name
        AND resource = last.resource
        AND namespaces IS NOT DISTINCT FROM last.namespaces
        AND status IN ('success', 'absent')
    ORDER BY id DESC
    LIMIT 1
) AS good ON true;

COMMENT ON VIEW k8s_freshness IS 'Per scope: when it was last known to be what the cluster says, and how the last sync ended';
COMMENT ON COLUMN k8s_freshness.age IS 'How long ago that was; NULL: never';
