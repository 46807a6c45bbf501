-- Appends one row to the journal. In the caller's transaction, so that what did
-- not happen is not told. What happens to a shadow says so.
--
-- What happens to one table more than ten times within a minute does not grow the
-- journal by the row: from then on the newest of these rows has the details of the
-- last time, and `repeated`, how often it stands for others. But each repair is
-- told, because somebody asked for it. Looks at the last 1,000 rows only, so that a
-- long journal costs nothing.
create or replace function ampsync_private.journal(
  p_event      text,
  p_dataset_id bigint,
  p_stream_id  bigint,
  p_details    jsonb default '{}'
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with told as (
    select ampsync_private.now() as at,
           (select ampsync_private.dataset_label(d.namespace, d.name, d.revision)
              from ampsync_private.dataset d where d.dataset_id = p_dataset_id) as dataset,
           (select s.table_name from ampsync_private.stream s where s.stream_id = p_stream_id) as table_name,
           case when exists (select 1 from ampsync_private.stream s where s.stream_id = p_stream_id and s.shadow_of is not null)
                then p_details || '{"shadow": true}' else p_details end as details
  ),
  recent as (
    select max(e.event_id) as event_id
      from (select * from ampsync_private.event n order by n.event_id desc limit 1000) e
     cross join told t
     where e.event = p_event
       and p_event not like 'repair%'
       and e.dataset is not distinct from t.dataset
       and e.stream_id is not distinct from p_stream_id
       and e.at > t.at - interval '1 min'
    having count(*) >= 10
  ),
  repeated as (
    update ampsync_private.event e
       set at      = t.at,
           details = t.details || jsonb_build_object('repeated', coalesce((e.details ->> 'repeated')::bigint, 0) + 1)
      from recent r
     cross join told t
     where e.event_id = r.event_id
    returning e.event_id
  )
  insert into ampsync_private.event (at, event, dataset, table_name, stream_id, details)
  select t.at, p_event, t.dataset, t.table_name, p_stream_id, t.details
    from told t
   where not exists (select 1 from repeated r);
$$;

comment on function ampsync_private.journal(text, bigint, bigint, jsonb)
  is 'Append one event to the journal, in the caller''s transaction; what repeats all the time shares a row.';
