-- Looks at the captured tables that nobody has looked at for half a minute (look_at): for what changes rows, names or
-- columns and sends nothing through WAL, or nothing that tells it from what is usual. Returns how many looks are on
-- their way since.
--
-- Called with each run of the supervisor. Waits for nobody but a table that is being changed, for 300 ms.
--
-- Locks: rows of `published` that nobody else has; ACCESS SHARE on their tables.
create or replace function ampsync_worker.look_at_tables()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id   integer;
  v_sent integer := 0;
begin
  for v_id in
    select p.published_id
      from ampsync_private.published p
     where p.mode = 'rows'
       and p.state in ('live', 'failed')
       and (p.looked_at is null or p.looked_at < ampsync_private.now() - interval '30 s')
     order by p.published_id
       for no key update skip locked
  loop
    v_sent := v_sent + ampsync_private.look_at(v_id)::integer;
    update ampsync_private.published p
       set looked_at = ampsync_private.now()
     where p.published_id = v_id;
  end loop;
  return v_sent;
end;
$$;

comment on function ampsync_worker.look_at_tables()
  is 'Look at captured tables for changes that WAL does not tell of.';
