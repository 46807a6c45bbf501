-- One row per dataset: the sum of its streams, or why it has none yet. A table that the version
-- lacks rests for good: it hides nothing that somebody can do something about.
create or replace view ampsync.status as
with alive as (
  select exists (select 1 from ampsync.workers w where w.state = 'alive') as any
)
select d.label as dataset,
       coalesce(case when d.state <> 'active' then d.state end, s.state, 'waiting') as state,
       s.block,
       s.behind,
       s.rows_per_s,
       coalesce(d.error ->> 'code', case when s.state <> 'orphaned' then s.error_code end, u.error_code,
                d.offered_error ->> 'code', s.error_code, d.poll_error ->> 'code') as error_code,
       coalesce(nullif(pg_catalog.concat_ws(': ', d.error ->> 'message', d.error ->> 'detail'), ''),
                case when s.error_code is not null and s.state <> 'orphaned' then s.reason end,
                case when u.error_code is not null then u.reason end,
                d.offered_error ->> 'message', s.reason,
                'new versions cannot be looked for: ' || (d.poll_error ->> 'message')
                  || coalesce(': ' || (d.poll_error ->> 'detail'), ''),
                u.reason) as waiting_on,
       coalesce(d.error ->> 'hint', case when s.error_code is not null and s.state <> 'orphaned' then s.hint end,
                case when u.error_code is not null then u.hint end, d.offered_error ->> 'hint', s.hint,
                d.poll_error ->> 'hint',
                case when d.state <> 'active' then ampsync_private.idle_hint(a.any) end) as hint,
       coalesce(d.next_retry, s.next_retry, d.offered_retry,
                case when d.poll_error is not null then d.poll_due end) as next_retry,
       d.resolved_version as version,
       d.offered_version as new_version,
       coalesce(least(case when d.state <> 'active' then d.since end, s.since), d.since) as since,
       s.lag,
       coalesce(s.rows, 0) as rows,
       coalesce(s.tables, 0) as tables,
       d.target_schema,
       not a.any and (d.state = 'waiting'
                      or exists (select 1
                                   from ampsync_private.stream m -- Shadows as well.
                                  where m.dataset_id = d.dataset_id and not ampsync_private.is_halted(m.state))
                     ) as unattended
  from ampsync_private.dataset d
 cross join alive a
  left join (
    select t.dataset_id,
           count(*) as tables,
           (array_agg(v.state order by v.rank))[1] as state,
           (array_agg(v.since order by v.rank))[1] as since,
           (array_agg(v.error_code order by v.rank))[1] as error_code,
           (array_agg(v.table_name || ': ' || v.reason order by v.rank))[1] as reason,
           (array_agg(v.hint order by v.rank))[1] as hint,
           min(v.next_retry) as next_retry,
           coalesce(min(v.block) filter (where v.state <> 'orphaned'), min(v.block)) as block,
           coalesce(max(v.behind) filter (where v.state <> 'orphaned'), max(v.behind)) as behind,
           coalesce(max(v.lag) filter (where v.state <> 'orphaned'), max(v.lag)) as lag,
           sum(v.rows) as rows,
           pg_catalog.round(sum(v.rows_per_s)::numeric, 1)::float8 as rows_per_s
      from ampsync_private.stream t
      join (select x.*, array_position(
                     '{failed,retrying,waiting,resyncing,reorg_pending,backfill,paused,live,orphaned,complete}'::text[],
                     x.state) as rank
              from ampsync.streams x) v using (stream_id)
     group by t.dataset_id
  ) s using (dataset_id)
  left join lateral (
    select g.error_code, g.hint,
           pg_catalog.concat_ws(': ', 'upgrade to version ' || g.new_version, g.table_name,
             coalesce(g.reason, case when g.block is null then 'nothing loaded yet'
                                     else pg_catalog.format('block %s of %s loaded', g.block, g.old_block) end)
           ) as reason
      from ampsync.upgrades g
     where g.dataset = d.label
     order by g.state <> 'failed', g.error_code is null, g.block nulls first, g.table_name
     limit 1
  ) u on true;

comment on view ampsync.status is 'One row per dataset: version, state, position, speed, and what it waits for.';
comment on column ampsync.status.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.status.state
  is 'State of the stream that needs most attention, orphaned only if all are; waiting while the dataset is not found.';
comment on column ampsync.status.block is 'Lowest checkpoint of its streams.';
comment on column ampsync.status.behind is 'Most blocks that one of its streams is behind the head.';
comment on column ampsync.status.rows_per_s is 'Rows per second over all its tables.';
comment on column ampsync.status.error_code is 'SQLSTATE of what it waits for.';
comment on column ampsync.status.waiting_on is 'What keeps it from moving.';
comment on column ampsync.status.hint is 'What to do.';
comment on column ampsync.status.next_retry is 'When the next retry is due.';
comment on column ampsync.status.version is 'Version that its streams read; null while unknown.';
comment on column ampsync.status.new_version
  is 'Newest version of the server that is not followed yet; waiting_on and hint say why. Null if there is none.';
comment on column ampsync.status.since is 'When it entered this state.';
comment on column ampsync.status.lag is 'Age of the oldest checkpoint by the chain''s clock.';
comment on column ampsync.status.rows is 'Rows in all its tables.';
comment on column ampsync.status.tables is 'Number of its synced tables.';
comment on column ampsync.status.target_schema is 'Schema of its tables in this database.';
comment on column ampsync.status.unattended is 'Whether something of it should move while no worker is alive.';
