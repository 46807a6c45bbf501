-- Sessions as a text for people.
create or replace function ampsync_private.describe_sessions(
  p_pids integer[]
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(case when s.pid = 0 then 'a prepared transaction'
                         else format('session %s (%s)', s.pid, concat_ws(', ', nullif(a.application_name, ''),
                                a.usename, a.state, nullif(a.backend_type, 'client backend'))) end,
                    ', ' order by s.pid)
    from (select distinct p.pid from unnest(p_pids) p(pid)) s
    left join pg_stat_activity a using (pid);
$$;

comment on function ampsync_private.describe_sessions(integer[])
  is 'Sessions by process id, application, role and state, as a text.';
