-- Whether the replica identity of one table sends what is published of it: whole old rows, or with
-- identity `key` at least the columns of the primary key. A partitioned table itself has to have
-- the same identity as its partitions.
create or replace function ampsync_private.identity_fits(
  p_relation regclass,
  p_identity text
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when c.relreplident = 'f' then true
              when p_identity = 'full' then false
              when c.relreplident = 'd' then coalesce(k.indimmediate, false)
              when c.relreplident = 'i' then coalesce(ampsync_private.index_key_columns(x.indexrelid)
                                                       @> ampsync_private.index_key_columns(k.indexrelid), false)
              else false end
    from pg_class c
    left join pg_index k on k.indrelid = c.oid and k.indisprimary
    left join pg_index x on x.indrelid = c.oid and x.indisreplident
   where c.oid = p_relation;
$$;

comment on function ampsync_private.identity_fits(regclass, text)
  is 'Whether the replica identity of one table sends what is published of it.';
