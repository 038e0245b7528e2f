ALTER TABLE k8s_syncs ADD COLUMN responded boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN k8s_syncs.responded IS 'Whether the API server sent any response';
