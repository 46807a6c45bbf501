-- How long after a look at WAL began the next one comes at the earliest, in mode poll: four times what it took. Each
-- reads again from the oldest open transaction of the cluster on.
--
-- p_look_ms  null: not long
create or replace function ampsync_private.look_pause(
  p_look_ms integer
)
  returns interval
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select make_interval(secs => 4 * coalesce(p_look_ms, 0) / 1000.0);
$$;

comment on function ampsync_private.look_pause(integer)
  is 'How long after a look at WAL the next one comes at the earliest.';
