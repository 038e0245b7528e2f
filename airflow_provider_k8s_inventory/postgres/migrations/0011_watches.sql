COMMENT ON COLUMN k8s_syncs.mode IS
    'The way the scope was read: full, metadata or delta; watch: the changes of one hour that a watch brought';
