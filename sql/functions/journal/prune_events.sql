-- Deletes a batch of the events that are older than ampsync.set_retention says, or beyond the
-- number that it says, but never the last event of a stream. Returns how many.
--
-- The number is a distance of event ids, which have few gaps: counting a million rows in every
-- run would cost more than they do. Ids and times come from indexes, so that a run that finds
-- nothing to delete reads a few pages, and the last event of each stream that has been quiet.
--
-- Called by each run of the supervisor, in a transaction of its own. Its commit waits for
-- nothing, and the call waits for nobody: events that another run has locked are left to it. The
-- journal still changes events of the last minute only. Idempotent. Locks: rows of events.
create or replace function ampsync_worker.prune_events(
  p_limit integer default 1000
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_newest  bigint := (select max(e.event_id) from ampsync_private.event e);
  v_keep    ampsync_private.retention;
  v_deleted integer;
begin
  perform ampsync_private.commit_async();
  select * into strict v_keep from ampsync_private.retention;

  with aged as (
    select e.event_id
      from ampsync_private.event e
     where e.at < (select ampsync_private.now()) - v_keep.event_age
       and (e.stream_id is null or exists (select 1
                                             from ampsync_private.event n
                                            where n.stream_id = e.stream_id and n.event_id > e.event_id))
     order by e.at
     limit p_limit
       for update of e skip locked
  ),
  surplus as (
    select e.event_id
      from ampsync_private.event e
     where e.event_id <= v_newest - v_keep.event_rows
       and (e.stream_id is null or exists (select 1
                                             from ampsync_private.event n
                                            where n.stream_id = e.stream_id and n.event_id > e.event_id))
     order by e.event_id
     limit p_limit
       for update of e skip locked
  )
  delete from ampsync_private.event e
   where e.event_id = any (array(select a.event_id from aged a union select s.event_id from surplus s));
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;

comment on function ampsync_worker.prune_events(integer)
  is 'Delete a batch of events beyond their retention, never the last one of a stream; returns how many.';
