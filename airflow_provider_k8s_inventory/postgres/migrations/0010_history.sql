CREATE SEQUENCE k8s_history_id;

CREATE TABLE k8s_history (
    id bigint NOT NULL DEFAULT nextval('k8s_history_id'),
    context_name text NOT NULL,
    cluster_uid text,
    resource text NOT NULL,
    uid text NOT NULL,
    namespace text,
    name text,
    change text NOT NULL CHECK (change IN ('created', 'updated', 'deleted', 'recreated', 'unselected')),
    before_at timestamptz,
    at timestamptz NOT NULL,
    changed_at timestamptz,
    changed_by text,
    columns jsonb,
    patch jsonb,
    summary text,
    sync_id bigint NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE INDEX ON k8s_history (uid);
CREATE INDEX ON k8s_history (context_name, resource, at);
CREATE INDEX ON k8s_history (name);
-- What changed since a time: rows come in its order.
CREATE INDEX ON k8s_history USING brin (at) WITH (autosummarize = on);
-- What an object owned that is gone.
CREATE INDEX ON k8s_history ((columns ->> 'owner_uid')) WHERE change IN ('deleted', 'unselected');

-- Whatever the months that are there, a sync never lacks a place for its rows.
CREATE TABLE k8s_history_later PARTITION OF k8s_history FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
COMMENT ON TABLE k8s_history_later IS 'The changes of months that have no partition of their own';

COMMENT ON TABLE k8s_history IS 'What changed: one row per change of an object that a sync found, with what it was before; a partition per month';
COMMENT ON COLUMN k8s_history.id IS 'Grows in the order of commits: who has read up to one has missed none below it';
COMMENT ON COLUMN k8s_history.context_name IS 'The kubeconfig context';
COMMENT ON COLUMN k8s_history.cluster_uid IS 'The cluster, as the row says it; NULL: it could not be told';
COMMENT ON COLUMN k8s_history.resource IS 'The resource: pods, deployments, certificates.cert-manager.io';
COMMENT ON COLUMN k8s_history.uid IS 'The uid of the row';
COMMENT ON COLUMN k8s_history.namespace IS 'The namespace; NULL: the resource is in none';
COMMENT ON COLUMN k8s_history.name IS 'The name';
COMMENT ON COLUMN k8s_history.change IS 'created, updated, deleted, recreated (the name was there before) or unselected (it left the selection, and need not be gone)';
COMMENT ON COLUMN k8s_history.before_at IS 'The change came after this: when the sync began that last proved the old state';
COMMENT ON COLUMN k8s_history.at IS 'The change came not later than this: when a sync proved the new state';
COMMENT ON COLUMN k8s_history.changed_at IS 'What changed_at of the row was before';
COMMENT ON COLUMN k8s_history.changed_by IS 'The manager that managedFields name for what changed; NULL: they do not, or were not seen';
COMMENT ON COLUMN k8s_history.columns IS 'The old values of the columns that changed; of a row that went, of all';
COMMENT ON COLUMN k8s_history.patch IS 'What makes the old object of the new one, for k8s_patched(); of a row that went, the whole object; NULL: no object, or none was stored';
COMMENT ON COLUMN k8s_history.summary IS 'What changed, for a person: images web:1 → web:2, replicas 3 → 5';
COMMENT ON COLUMN k8s_history.sync_id IS 'The line of k8s_syncs, as long as that is kept';

CREATE TABLE k8s_history_kept (
    resource text PRIMARY KEY,
    since timestamptz NOT NULL
);
COMMENT ON TABLE k8s_history_kept IS 'Since when history is whole, where older changes were dropped';
COMMENT ON COLUMN k8s_history_kept.resource IS 'The resource; empty: all';
COMMENT ON COLUMN k8s_history_kept.since IS 'Changes before this are gone, or may be';

ALTER TABLE k8s_syncs ADD COLUMN changes bigint, ADD COLUMN noise bigint;
COMMENT ON COLUMN k8s_syncs.changes IS 'Rows of history that it wrote; NULL: none is kept of the resource';
COMMENT ON COLUMN k8s_syncs.noise IS 'Changed rows of which no history was written, as rules say that what changed is noise; NULL: no history is kept of the resource';

ALTER TABLE k8s_scopes ADD COLUMN last_success_began_at timestamptz, ADD COLUMN history_since timestamptz;
COMMENT ON COLUMN k8s_scopes.last_success_began_at IS 'When the last good sync began: what the rows say was so then or later';
COMMENT ON COLUMN k8s_scopes.history_since IS 'Since when every change is in k8s_history; NULL: none is kept';
UPDATE k8s_scopes SET last_success_began_at = last_success_at WHERE last_success_at IS NOT NULL;

-- Who writes the tables writes their history; who reads the ledger reads it.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
            bool_or(a.privilege_type = 'INSERT') AS writes
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'k8s_syncs'::regclass AND a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT')
        GROUP BY 1
    LOOP
        EXECUTE format('GRANT SELECT ON k8s_history, k8s_history_kept TO %s', held.grantee);
        IF held.writes THEN
            EXECUTE format('GRANT INSERT, DELETE ON k8s_history TO %s', held.grantee);
            EXECUTE format('GRANT INSERT, UPDATE ON k8s_history_kept TO %s', held.grantee);
            EXECUTE format('GRANT USAGE ON SEQUENCE k8s_history_id TO %s', held.grantee);
        END IF;
    END LOOP;
    -- Only the users can write their policies: until they do, nobody but the owner sees a row.
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'k8s_syncs'::regclass) THEN
        ALTER TABLE k8s_history ENABLE ROW LEVEL SECURITY;
    END IF;
END
$$;
