-- The row of a table that has just joined the publication, or that got another identity. It starts
-- anew, except where old rows are only told with less from now on: then what is stored of it
-- still fits what clients have.
--
-- p_before: the identities that set_identity found
create or replace function ampsync_private.store_published(
  p_relation regclass,
  p_identity text,
  p_before   jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := ampsync_private.now();
  v_put_back jsonb;
begin
  update ampsync_private.published p
     set identity        = p_identity,
         identity_before = nullif(coalesce(p_before, '{}') || coalesce(p.identity_before, '{}'), '{}')
   where p.relation = p_relation and p.state = 'live' and p_identity = 'key';
  if found then
    return;
  end if;

  update ampsync_private.published p -- An earlier publication of it, after which nothing was put back yet.
     set put_back = null
   where p.put_back ->> 'relation' = p_relation::oid::text
  returning coalesce(p.identity_before, '{}') into v_put_back;

  insert into ampsync_private.published as p
         (schema_name, table_name, relation, mode, identity, identity_before, columns, storage, published_lsn, since)
  select n.nspname, c.relname, p_relation, 'rows', p_identity,
         nullif(coalesce(p_before, '{}') || coalesce(v_put_back, '{}'), '{}'),
         ampsync_private.published_columns(p_relation), ampsync_private.published_storage(p_relation),
         pg_current_wal_insert_lsn(), v_now
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_relation
      on conflict (relation) do update
     set identity        = excluded.identity,
         identity_before = nullif(coalesce(excluded.identity_before, '{}') || coalesce(p.identity_before, '{}'), '{}'),
         columns         = excluded.columns,
         storage         = excluded.storage,
         seen            = null,
         state           = 'starting',
         since           = v_now,
         published_lsn   = excluded.published_lsn,
         error           = null;
  perform pg_logical_emit_message(true, 'ampsync/mark', ''); -- On an idle server it goes live all the same.
  perform ampsync_private.journal(null, 'table_published',
            jsonb_build_object('table', p_relation::text, 'identity', p_identity));
end;
$$;

comment on function ampsync_private.store_published(regclass, text, jsonb)
  is 'Store that a table has joined the publication, or got another identity.';
