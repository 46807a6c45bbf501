-- What is wrong with the workers: none there, too few slots, another version than the schema.
-- Clocks are not compared: every stored time is the database's.
create or replace function ampsync_private.diagnose_workers()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with worker as (
    select w.worker as worker_id, w.host, w.pid, w.version, w.slots, string_to_array(w.version, '.') as numbers
      from ampsync.workers w
     where w.state = 'alive'
  ),
  alive as (
    select count(*) as workers, sum(w.slots) as slots, bool_and(w.slots is not null) as known from worker w
  ),
  work as (
    select (select count(*)
              from ampsync_private.stream s
             where not ampsync_private.is_halted(s.state)
               and coalesce(s.run_due <= ampsync_private.now(), true)) as streams, -- Until then it needs no slot.
           (select count(*) from ampsync_private.dataset d where d.state = 'waiting') as datasets
  ),
  schema as (
    select s.version, string_to_array(s.version, '.') as numbers
      from ampsync_private.source s
     where s.name = 'functions'
  )
  select 'error', 'workers',
         format('no worker is alive, and %s tables and %s datasets wait for one', k.streams, k.datasets),
         'npx ampsync worker'
    from work k
   where exists (select 1 from ampsync.status s where s.unattended)
   union all
  select 'warning', 'workers',
         format('%s tables share the %s slots of %s workers, so they take turns', k.streams, a.slots, a.workers),
         'npx ampsync worker # one more'
    from alive a, work k
   where a.known and k.streams > a.slots
   union all
  select 'warning', format('worker %s', w.worker_id),
         format('it runs ampsync %s, newer than %s of the schema', w.version, h.version),
         'npx ampsync migrate # where that version is installed'
    from worker w, schema h
   where w.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$' and h.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$'
     and w.numbers::integer[] > h.numbers::integer[]
   union all
  select 'warning', format('worker %s', w.worker_id),
         format('it runs ampsync %s on %s, older than %s of the schema', w.version, w.host, h.version),
         format('kill -TERM %s # on its host; then start one of version %s there', w.pid, h.version)
    from worker w, schema h
   where w.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$' and h.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$'
     and w.numbers::integer[] < h.numbers::integer[];
$$;

comment on function ampsync_private.diagnose_workers()
  is 'Findings about workers: none, too few slots, another version.';
