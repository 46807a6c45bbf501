-- One row per index that a target shall have beside its primary key; also for a table that does
-- not exist yet, or that turned out not to be in the dataset.
create or replace view ampsync.indexes as
select d.label as dataset,
       s.table_name,
       coalesce(f.relname::text, t.index_name) as index,
       coalesce(case when f.oid is not null then pg_catalog.pg_get_indexdef(f.oid) end,
                pg_catalog.format('CREATE INDEX ON %I.%I USING %s (%s)', s.target_schema, s.target_table, t.method,
                                  ampsync_private.index_column_list(t.columns, t.options))) as definition,
       y.state,
       t.since,
       case when y.state = 'building' then p.phase end as phase,
       y.waits_for,
       t.next_retry,
       t.error ->> 'code' as error_code,
       t.error ->> 'message' as error,
       case when y.state = 'valid' then null
            when y.waits_for is not null
              then pg_catalog.format('select * from pg_stat_activity where pid in (%s);',
                                     pg_catalog.array_to_string(y.waits_for, ', '))
            when y.state = 'building' then 'select * from pg_stat_progress_create_index;'
            when t.error is not null then t.error ->> 'hint'
            when s.reached_head_at is null then 'It is built once the table has reached the head.'
            when ampsync_private.is_halted(s.state)
              then pg_catalog.format('The table is %s: select * from ampsync.streams;', s.state)
            when k.builder is not null
              then 'Indexes are built one at a time: select * from pg_stat_progress_create_index;'
            else ampsync_private.idle_hint(w.is_alive) end as hint
  from ampsync_private.target_index t
  join ampsync_private.stream s using (stream_id)
  join ampsync_private.dataset d using (dataset_id)
  left join pg_catalog.pg_index i on i.indexrelid = t.index_id and i.indrelid = s.target and i.indisvalid
  left join pg_catalog.pg_class f on f.oid = i.indexrelid
 cross join (
    select exists (select 1
                     from ampsync_private.worker w
                    where w.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration()
                      and w.lost_at is null) as is_alive
  ) w
 cross join ( -- As ampsync_private.index_builder, with the rights of this view.
    select (select l.pid
              from pg_catalog.pg_locks l
             where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
               and l.classid::bigint = ((ampsync_private.index_lock_key() >> 32) & 4294967295)
               and l.objid::bigint = (ampsync_private.index_lock_key() & 4294967295)
               and l.database = (select b.oid from pg_catalog.pg_database b
                                  where b.datname = pg_catalog.current_database())) as builder
  ) k
  left join pg_catalog.pg_stat_progress_create_index p on p.pid = k.builder
 cross join lateral (
    select case when f.oid is not null then 'valid' -- Dropped since: it is built again.
                when t.state = 'building' and (t.builder_pid = k.builder or pg_catalog.pg_is_in_recovery())
                then 'building' -- A standby does not know the locks of its primary.
                when t.state in ('valid', 'building') then 'waiting'
                else t.state end as state
  ) z
 cross join lateral (
    select z.state,
           case when z.state = 'building' then nullif(pg_catalog.pg_blocking_pids(k.builder), '{}') end as waits_for
  ) y
union all
select d.label,
       e.table_name,
       null,
       pg_catalog.format('CREATE INDEX ON %I.%I USING btree (%s)', d.target_schema,
                         coalesce(d.rename ->> e.table_name, e.table_name), c.columns),
       case when e.is_unknown then 'failed' else 'waiting' end,
       d.since,
       null,
       null,
       null,
       case when e.is_unknown then 'SY004' end,
       case when e.is_unknown then pg_catalog.format('table %s is not synced', e.table_name) end,
       case when e.is_unknown
            then pg_catalog.format('select ampsync.enqueue_sync(%L, indexes => %L);', d.label,
                                   (d.indexes - e.table_name)::text)
            else pg_catalog.format('The table is not there yet: select * from ampsync.status where dataset = %L;',
                                   d.label) end
  from ampsync_private.dataset d
 cross join lateral (
    select m.key as table_name, m.value as indexes,
           d.state = 'active' and m.key <> all (coalesce(d.tables, d.resolved_tables)) as is_unknown
      from pg_catalog.jsonb_each(d.indexes) m
     where not exists (select 1
                         from ampsync_private.stream s
                         join ampsync_private.target_index t using (stream_id)
                        where s.dataset_id = d.dataset_id and s.table_name = m.key)
  ) e
 cross join lateral pg_catalog.jsonb_array_elements(e.indexes) i(columns)
 cross join lateral (
    select ampsync_private.index_column_list(pg_catalog.array_agg(p.column_name order by n.position),
                                             pg_catalog.array_agg(p.options order by n.position)) as columns
      from pg_catalog.jsonb_array_elements_text(i.columns) with ordinality n(text, position)
     cross join lateral ampsync_private.parse_index_column(n.text) p
  ) c;

comment on view ampsync.indexes
  is 'The indexes that targets have or get beside their primary key: what became of each, and why.';
comment on column ampsync.indexes.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.indexes.table_name is 'Table of the dataset.';
comment on column ampsync.indexes.index is 'Name of the index in the schema of the table; null before it is chosen.';
comment on column ampsync.indexes.definition is 'What is there, as PostgreSQL prints it, or what will be made.';
comment on column ampsync.indexes.state
  is 'waiting, building, valid, or failed: until ampsync.enqueue_sync is called.';
comment on column ampsync.indexes.since is 'When it entered this state.';
comment on column ampsync.indexes.phase
  is 'What its build does: phase of pg_stat_progress_create_index.';
comment on column ampsync.indexes.waits_for
  is 'Process ids of the sessions whose transactions or locks its build waits for.';
comment on column ampsync.indexes.next_retry is 'When the next retry is due.';
comment on column ampsync.indexes.error_code is 'SQLSTATE of what kept it from being built last.';
comment on column ampsync.indexes.error is 'What kept it from being built last.';
comment on column ampsync.indexes.hint is 'What to do.';
