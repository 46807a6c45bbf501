-- One row per published table. Of a table whose publication has ended the newest one, unless it was published
-- again. Last the tables of HTTP sources that are to be published and are not made yet, or were refused.
create or replace view ampsync.publications as
select format('%I.%I', p.schema_name, p.table_name) as table_name, d.label as dataset, p.mode, p.identity, p.state,
       p.since, p.floor, p.rebuildable_from,
       case
         when p.state = 'ended' then 'its publication has ended; what is in the log stays'
         when p.error is not null then p.error ->> 'message'
         when p.state = 'starting' and p.mode = 'blocks' and s.target is null then 'the table is not made yet'
         when p.state = 'starting' and p.mode = 'blocks' then 'a worker makes it live within seconds'
         when p.state = 'starting' then 'capture has not come to it yet'
         when p.mode = 'blocks' and c.oid is null then 'the table is gone'
         when p.baseline_asked is not null then 'its baseline is to be taken'
       end as reason,
       case
         when p.state = 'ended' and exists (select
                                              from pg_class t
                                              join pg_namespace n on n.oid = t.relnamespace
                                             where (n.nspname, t.relname) = (p.schema_name, p.table_name))
           then format('select ampsync.publish(%L);', format('%I.%I', p.schema_name, p.table_name))
         when p.state = 'ended' then null
         when p.error is not null then p.error ->> 'hint'
         when p.state = 'starting' and p.mode = 'rows' then 'select * from ampsync.capture;'
         when p.state = 'starting' then 'select * from ampsync.workers;'
         when p.mode = 'blocks' and c.oid is null then 'select * from ampsync.streams;'
         when p.baseline_asked is not null then 'select * from ampsync.jobs;'
       end as hint
  from ampsync_private.published p
  left join ampsync_private.stream s using (stream_id)
  left join ampsync_private.dataset d using (dataset_id)
  left join pg_class c on c.oid = p.relation
 where p.state <> 'ended'
    or not exists (select from ampsync_private.published o
                    where (o.schema_name, o.table_name) = (p.schema_name, p.table_name)
                      and (o.state <> 'ended' or o.published_id > p.published_id))
union all
select format('%I.%I', s.target_schema, s.target_table), d.label, 'rows', 'full', 'starting',
       coalesce(d.publish_tried, d.since), null, null,
       case when d.publish_error is not null then d.publish_error ->> 'message'
            when c.oid is null then 'the table is not made yet'
            else 'a worker publishes it within seconds' end,
       case when d.publish_error is not null then d.publish_error ->> 'hint'
            when c.oid is null then 'select * from ampsync.streams;'
            else 'select * from ampsync.workers;' end
  from ampsync_private.dataset d
  join ampsync_private.stream s using (dataset_id)
  left join pg_class c on c.oid = s.target
 where d.published
   and d.kind = 'http'
   and s.shadow_of is null
   and not exists (select from ampsync_private.published p where p.relation = s.target);

comment on view ampsync.publications is 'Published tables: how their changes come into the log, and since when.';
comment on column ampsync.publications.table_name is 'schema.table.';
comment on column ampsync.publications.dataset is 'The dataset that the table belongs to; null for others.';
comment on column ampsync.publications.mode
  is 'blocks: each commit says which blocks it changed; rows: each change is captured from WAL.';
comment on column ampsync.publications.identity
  is 'Of captured tables. full: old rows are whole; key: their key alone. Null for tables of datasets.';
comment on column ampsync.publications.state is 'starting, live, failed, ended.';
comment on column ampsync.publications.since is 'When this state began.';
comment on column ampsync.publications.floor
  is 'Whoever follows the log and stands below this position loads the table anew; null until it is live.';
comment on column ampsync.publications.rebuildable_from
  is 'Back to this position ampsync.table_as_of tells the rows.';
comment on column ampsync.publications.reason is 'What it waits for, or why it failed; null if all is well.';
comment on column ampsync.publications.hint is 'The statement that tells more, or puts it right.';
