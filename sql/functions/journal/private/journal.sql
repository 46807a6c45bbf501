-- Appends one row to the journal, in the caller's transaction, so that nothing is journaled
-- that is rolled back. The actor is the role that called the door, or the worker's. Events of a
-- shadow are marked as such. An event of a dataset as a whole has p_stream_id null and the id of
-- the dataset; an event of neither has both null.
--
-- The same event of one table by one actor more than ten times within a minute does not grow the journal row
-- by row: from then on the newest of these rows has the details of the last time, and
-- `repeated` counts how many more it stands for. Events of repairs always get rows of their
-- own, because somebody requested each repair. Only the last 1,000 rows are looked at, so that
-- a long journal costs nothing.
create or replace function ampsync_private.journal(
  p_stream_id  bigint,
  p_event      text,
  p_details    jsonb default '{}',
  p_dataset_id bigint default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  with entry as (
    select ampsync_private.now() as at, d.label as dataset, s.table_name, ampsync_private.caller() as actor,
           case when s.shadow_of is not null then p_details || '{"shadow": true}' else p_details end as details
      from (select 1) once
      left join ampsync_private.stream s on s.stream_id = p_stream_id
      left join ampsync_private.dataset d on d.dataset_id = coalesce(s.dataset_id, p_dataset_id)
  ),
  recent as (
    select max(e.event_id) as event_id
      from (select * from ampsync_private.event n order by n.event_id desc limit 1000) e
     cross join entry t
     where e.event = p_event
       and p_event not like 'repair%'
       and e.dataset is not distinct from t.dataset
       and e.stream_id is not distinct from p_stream_id
       and e.actor is not distinct from t.actor
       and e.at > t.at - interval '1 min'
    having count(*) >= 10
  ),
  repeated as (
    update ampsync_private.event e
       set at      = t.at,
           details = t.details || jsonb_build_object('repeated', coalesce((e.details ->> 'repeated')::bigint, 0) + 1)
      from recent r
     cross join entry t
     where e.event_id = r.event_id
    returning e.event_id
  )
  insert into ampsync_private.event (at, event, dataset, table_name, stream_id, details, actor)
  select t.at, p_event, t.dataset, t.table_name, p_stream_id, t.details, t.actor
    from entry t
   where not exists (select 1 from repeated r);
end;
$$;

comment on function ampsync_private.journal(bigint, text, jsonb, bigint)
  is 'Append one event to the journal, in the caller''s transaction; frequent repeats share a row.';
