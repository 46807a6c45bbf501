-- Who is in the way of a call, for its DETAIL: process id, role, application and since when, one line for each,
-- and the query that shows what they run. That itself is not told: it is read with the rights of the owner of
-- ampsync, or of a worker, whose errors are stored for all who read views, and it holds the values of others.
create or replace function ampsync_private.describe_backends(
  p_pids integer[]
)
  returns text
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(format('Backend %s of role %s%s%s.', a.pid, a.usename,
                           ' (' || nullif(a.application_name, '') || ')', ', since ' || a.xact_start),
                    E'\n' order by a.pid)
         || format(E'\nWhat it runs: select pid, query from pg_stat_activity where pid in (%s);',
                   string_agg(a.pid::text, ', ' order by a.pid))
    from pg_stat_activity a
   where a.pid = any (p_pids);
$$;

comment on function ampsync_private.describe_backends(integer[])
  is 'Backends by process id, role and application, and the query that shows what they run.';
