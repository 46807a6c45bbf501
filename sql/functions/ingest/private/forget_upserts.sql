-- Deallocates the statements of try_by_halves, which would outlive its transaction.
create or replace function ampsync_private.forget_upserts()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.prepare_upsert(n.name, null)
    from unnest('{ampsync_upsert,ampsync_nulled,ampsync_late}'::text[]) n(name);
$$;

comment on function ampsync_private.forget_upserts()
  is 'Deallocate the statements of try_by_halves.';
