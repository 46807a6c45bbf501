-- Records which indexes the target of a stream shall have, and queues their job once the stream
-- has reached the head: after the backfill, because an index makes loading slower. What is no
-- longer wanted is forgotten, and its index stays in the table. A shadow has none: its rows go
-- into the table that it is loaded for, which stays the same.
--
-- An index that failed for want of a column is due again once the table has it.
--
-- p_retry: whatever failed for good is tried again
--
-- Idempotent. Locks: stream row (key share: against a drop), those rows, rows of graphile_worker.
create or replace function ampsync_private.plan_indexes(
  p_stream_id bigint,
  p_retry     boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.shadow_of is null
     and s.target is not null
     for key share;
  if not found then
    return;
  end if;

  perform 1 -- In the order of next_index_step.
     from ampsync_private.target_index t
    where t.stream_id = p_stream_id
    order by t.position
      for no key update;
  with wanted as (
    select *
      from ampsync_private.wanted_indexes(v_stream.dataset_id, v_stream.table_name, v_stream.has_block_num,
                                          v_stream.columns)
  ),
  forgotten as (
    delete from ampsync_private.target_index t
     where t.stream_id = p_stream_id
       and not exists (select from wanted w
                        where (w.method, w.columns, w.options) = (t.method, t.columns, t.options))
  )
  insert into ampsync_private.target_index (stream_id, method, columns, options, position, since)
  select p_stream_id, w.method, w.columns, w.options, w.position, ampsync_private.now()
    from wanted w
  on conflict on constraint target_index_pkey do nothing;

  update ampsync_private.target_index t
     set state      = case t.state when 'failed' then 'waiting' else t.state end,
         since      = case t.state when 'failed' then ampsync_private.now() else t.since end,
         attempts   = 0,
         next_retry = null,
         error      = null
   where t.stream_id = p_stream_id
     and t.error is not null
     and (p_retry
          or t.state = 'failed' and t.error ->> 'code' = 'SY004'
             and ampsync_private.missing_index_columns(v_stream.target, t.columns) = '{}');

  if ampsync_private.indexes_are_due(p_stream_id) then
    perform ampsync_private.schedule_index(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.plan_indexes(bigint, boolean)
  is 'Record which indexes a target shall have, and queue their job once it is loaded.';
