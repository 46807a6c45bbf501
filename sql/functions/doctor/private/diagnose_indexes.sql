-- What is wrong with the indexes of tables that have reached the head: one that they shall have
-- failed, has been missing for 15 minutes while nobody builds it, or has been kept from being built
-- by another session for as long; or any index is invalid. One under way is no finding, however
-- long it takes, nor an invalid one that its next attempt drops.
create or replace function ampsync_private.diagnose_indexes()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with stream as (
    select s.stream_id, d.label, s.table_name, d.label || '.' || s.table_name as subject, s.target, s.reached_head_at
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.shadow_of is null
  )
  select 'warning', format('%s.%s', i.dataset, i.table_name),
         format('an index that it shall have is %s since %s%s: %s', i.state,
                date_trunc('second', greatest(i.since, s.reached_head_at)),
                coalesce(', behind ' || ampsync_private.describe_sessions(i.waits_for), ', ' || i.error),
                i.definition),
         ampsync_private.fix_of(i.hint, 'select * from ampsync.indexes;')
    from ampsync.indexes i
    left join stream s on (s.label, s.table_name) = (i.dataset, i.table_name)
   where i.state = 'failed'
      or (i.state = 'waiting' and ampsync_private.indexes_are_due(s.stream_id) or i.waits_for is not null)
         and greatest(i.since, s.reached_head_at) < ampsync_private.now() - interval '15 min'
   union all
  select 'warning', s.subject,
         format('its index %s is invalid: every insert pays for it, and no query uses it', c.oid::regclass),
         format('drop index concurrently %s;', c.oid::regclass)
    from stream s
    join pg_index x on x.indrelid = s.target and not x.indisvalid
    join pg_class c on c.oid = x.indexrelid
   where not exists (select from pg_stat_progress_create_index b where b.index_relid = c.oid)
     and not exists (select 1
                       from ampsync_private.target_index t
                      where t.stream_id = s.stream_id and t.index_name = c.relname and t.state <> 'failed'
                        and ampsync_private.indexes_are_due(s.stream_id));
$$;

comment on function ampsync_private.diagnose_indexes()
  is 'Findings about indexes of targets: failed, missing for long, invalid.';
