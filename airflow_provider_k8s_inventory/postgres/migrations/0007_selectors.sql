ALTER TABLE k8s_syncs
    ADD COLUMN label_selector text, ADD COLUMN field_selector text, ADD COLUMN unselected bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN k8s_syncs.namespaces IS 'The namespaces it was narrowed to, as names, globs and exclusions; NULL: all';
COMMENT ON COLUMN k8s_syncs.label_selector IS 'The label selector it was narrowed by; NULL: none';
COMMENT ON COLUMN k8s_syncs.field_selector IS 'The field selector it was narrowed by; NULL: none';
COMMENT ON COLUMN k8s_syncs.unselected IS 'Rows that left as the selection no longer has their objects, which need not be gone';

ALTER TABLE k8s_scopes ADD COLUMN label_selector text, ADD COLUMN field_selector text;

COMMENT ON COLUMN k8s_scopes.namespaces IS 'The namespaces it is narrowed to, as names, globs and exclusions; NULL: all';
COMMENT ON COLUMN k8s_scopes.label_selector IS 'The label selector it is narrowed by; NULL: none';
COMMENT ON COLUMN k8s_scopes.field_selector IS 'The field selector it is narrowed by; NULL: none';
