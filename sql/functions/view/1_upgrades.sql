-- The upgrades of datasets to another version that are under way: one row per table that is
-- built beside the one that readers see, or one without a table while nothing is known about
-- the new version.
create or replace view ampsync.upgrades as
select d.label as dataset,
       coalesce(d.resolved_version, d.resolved_hash) as version,
       coalesce(u.version, u.manifest_hash) as new_version,
       t.name as table_name,
       case when u.tables is null then 'requested'
            when w.state in ('failed', 'paused') then w.state
            when s.target is null then 'new'
            when u.frozen_at is not null then 'frozen'
            when w.state = 'live' then 'ready'
            else 'loading' end as state,
       w.checkpoint_block as block,
       s.checkpoint_block as old_block,
       w.row_total as rows,
       e.error ->> 'code' as error_code,
       coalesce(e.error ->> 'message',
                case when u.tables is null then 'waits for the tables of the new version' end) as reason,
       e.error ->> 'detail' as detail,
       case when w.state = 'failed'
              then pg_catalog.format('select ampsync.resume_sync(%1$L); -- or give up: '
                                     'select ampsync.cancel_resync(%1$L);', d.label)
            else e.error ->> 'hint' end as hint,
       coalesce(w.next_retry, u.next_retry) as next_retry,
       u.started_at,
       s.stream_id
  from ampsync_private.upgrade u
  join ampsync_private.dataset d using (dataset_id)
  left join lateral (
    select n.value ->> 'table' as name
      from pg_catalog.jsonb_array_elements(u.tables) n
     where (d.tables is null or n.value ->> 'table' = any (d.tables))
       and not exists (select 1 -- An upgrade passes over it.
                         from ampsync_private.stream q
                        where q.dataset_id = u.dataset_id
                          and q.table_name = n.value ->> 'table'
                          and q.shadow_of is null
                          and q.query is not null)
  ) t on true
  left join ampsync_private.stream s
         on s.dataset_id = u.dataset_id and s.table_name = t.name and s.shadow_of is null
  left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
 cross join lateral (
    select coalesce(w.error, u.error, case when u.tables is null then d.offered_error end) as error
  ) e;

comment on view ampsync.upgrades
  is 'Upgrades of datasets to another version that are under way: one row per table that is built beside the old one.';
comment on column ampsync.upgrades.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.upgrades.version is 'Version that is followed, and that readers see.';
comment on column ampsync.upgrades.new_version is 'Version that is built beside it.';
comment on column ampsync.upgrades.table_name is 'Table of the new version; null while they are not known.';
comment on column ampsync.upgrades.state
  is 'requested, loading, ready (at the head), frozen (the old rows stand still until the swap), new (begins to load '
     'with the swap), failed or paused.';
comment on column ampsync.upgrades.block is 'Last block of the new version that is loaded.';
comment on column ampsync.upgrades.old_block is 'Last block of the old version, which readers see.';
comment on column ampsync.upgrades.rows is 'Rows of the new version that are loaded.';
comment on column ampsync.upgrades.error_code is 'SQLSTATE of what keeps it from moving.';
comment on column ampsync.upgrades.reason is 'What keeps it from moving.';
comment on column ampsync.upgrades.detail is 'What was found.';
comment on column ampsync.upgrades.hint is 'What to do.';
comment on column ampsync.upgrades.next_retry is 'When the next attempt is due.';
comment on column ampsync.upgrades.started_at is 'When the upgrade began.';
comment on column ampsync.upgrades.stream_id is 'Id of the stream of the table in jobs and logs.';
