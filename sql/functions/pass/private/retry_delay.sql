-- The pause before attempt number `p_attempts` (1 = first retry): the entry of `p_seconds` with
-- that number, or its last one, plus or minus a fifth, so that streams which failed together do
-- not come back together.
create or replace function ampsync_private.retry_delay(
  p_attempts integer,
  p_seconds  integer[]
)
  returns interval
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select make_interval(
    secs => p_seconds[least(greatest(p_attempts, 1), cardinality(p_seconds))] * (0.8 + 0.4 * random())
  );
$$;

comment on function ampsync_private.retry_delay(integer, integer[])
  is 'A jittered pause: the n-th of a list of seconds, the last one from there on.';
