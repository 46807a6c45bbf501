-- One row per repair that was requested and is not done yet.
create or replace view ampsync.repairs as
select d.label as dataset,
       s.table_name,
       r.first_block as from_block,
       r.last_block as to_block,
       case when i.halted then 'halted'
            when r.due_at > ampsync_private.now() then 'deferred'
            else 'waiting' end as state,
       r.requested_at,
       case when not i.halted then r.due_at end as next_try,
       r.error ->> 'code' as error_code,
       coalesce(case when i.halted then format('the table is %s', s.state) end, r.error ->> 'message') as reason,
       coalesce(case when s.state = 'resyncing' then 'The resync of the whole table fetches them as well.'
                     when i.halted then format('select ampsync.resume_sync(%L);', d.label) end,
                r.error ->> 'hint') as hint
  from ampsync_private.repair r
  join ampsync_private.stream s using (stream_id)
  join ampsync_private.dataset d using (dataset_id)
 cross join lateral (
    select ampsync_private.is_halted(s.state) as halted
  ) i;

comment on view ampsync.repairs is 'Repairs that were requested and are not done yet: what keeps each, and until when.';
comment on column ampsync.repairs.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.repairs.table_name is 'Table of the dataset.';
comment on column ampsync.repairs.from_block is 'First block that is fetched again.';
comment on column ampsync.repairs.to_block is 'Last block that is fetched again.';
comment on column ampsync.repairs.state
  is 'waiting for the next pass of its table, deferred until next_try, or halted with its table.';
comment on column ampsync.repairs.requested_at is 'When the repair was requested.';
comment on column ampsync.repairs.next_try is 'The first pass from this time on does it.';
comment on column ampsync.repairs.error_code is 'SQLSTATE of what kept it from being done last.';
comment on column ampsync.repairs.reason is 'What keeps it from being done.';
comment on column ampsync.repairs.hint is 'What to do.';
