-- How a pass has to read WAL: `stream` or `poll`. Mode poll polls; so does mode stream while
-- `synchronous_standby_names` names every connection that replicates, or this one. Else the server would take
-- the pass for a standby: commits would wait for it instead of a real one, and its own for itself.
--
-- Null: there is no row of capture. A pass asks again while it reads.
create or replace function ampsync_worker.capture_transport()
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when current_setting('synchronous_standby_names')
                   ~* '(^|[(,[:space:]])"?([*]|ampsync_capture)"?([),[:space:]]|$)' then 'poll' else c.mode end
    from ampsync_private.capture c;
$$;

comment on function ampsync_worker.capture_transport()
  is 'How a pass of capture has to read WAL: stream or poll.';
