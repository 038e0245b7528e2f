ALTER TABLE k8s_syncs ADD COLUMN host text;

COMMENT ON COLUMN k8s_syncs.host IS 'The machine that synced it';
COMMENT ON COLUMN k8s_syncs.status IS 'success, absent, forbidden, unauthorized, unreachable, refused, busy or failed';
