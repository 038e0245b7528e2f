ALTER TABLE k8s_syncs ADD COLUMN unmatched text[];

COMMENT ON COLUMN k8s_syncs.unmatched IS
    'The rules of redacted for all resources that matched nothing; NULL: not every object was read';
