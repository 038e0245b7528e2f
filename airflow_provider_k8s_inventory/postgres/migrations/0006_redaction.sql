ALTER TABLE k8s_syncs ADD COLUMN redacted text[] NOT NULL DEFAULT '{}', ADD COLUMN kept text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN k8s_syncs.redacted IS 'The rules by which objects were redacted before anything was stored';
COMMENT ON COLUMN k8s_syncs.kept IS 'What was stored on request: configmap-values';
