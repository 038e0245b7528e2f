-- They are the events of k8s_events, under the name of the newer group, which means that table from now on.
DO $$
BEGIN
    IF to_regclass('k8s_custom_resources') IS NOT NULL THEN
        DELETE FROM k8s_custom_resources WHERE resource = 'events.events.k8s.io';
    END IF;
END
$$;
DELETE FROM k8s_scopes WHERE resource = 'events.events.k8s.io';
