-- Locks targets that are about to be changed, all of them before the first statement, in the
-- order of their OIDs and in the strongest mode. Waits 300 ms at most for all of them together,
-- because everybody who comes later waits behind this call. The build of an index is ended
-- before. Returns null when it has them; otherwise what is in the way, as an error {"code",
-- "message", "detail", "hint", "pids": of those who held a target all the time}: call again in
-- another transaction, after 1, 2, 4 … 30 s.
--
-- Autovacuum gives way only after deadlock_timeout. Every fourth attempt waits as long if
-- nothing else is in the way.
--
-- p_attempt: 1 for the first.
--
-- Locks: the targets (access exclusive).
create or replace function ampsync_private.lock_for_change(
  p_targets regclass[],
  p_attempt integer
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_until  timestamptz;
  v_target record;
  v_before integer[];
  v_other  record;
begin
  perform ampsync_private.end_index_builds(p_targets::oid[]);
  v_until := ampsync_private.now() + interval '300 ms';
  if p_attempt % 4 = 0 then
    select ampsync_private.now() + 500 * interval '1 ms' + current_setting('deadlock_timeout')::interval into v_until
     where not exists (select 1
                         from unnest(p_targets) t(target)
                        cross join lateral ampsync_private.table_holders(t.target) h
                        where not h.is_autovacuum);
    v_until := coalesce(v_until, ampsync_private.now() + interval '300 ms');
  end if;

  for v_target in
    select t.target as oid, format('%I.%I', n.nspname, c.relname) as name -- Of a dropped one a regclass is a number.
      from unnest(p_targets) t(target)
      join pg_class c on c.oid = t.target
      join pg_namespace n on n.oid = c.relnamespace
     order by c.oid
  loop
    select coalesce(array_agg(coalesce(h.pid, 0)), '{}') into v_before
      from ampsync_private.table_holders(v_target.oid) h;
    perform set_config('lock_timeout',
              greatest(1, ceil(1000 * extract(epoch from v_until - ampsync_private.now())))::text, true);
    begin
      execute format('lock table %s in access exclusive mode', v_target.name);
    exception when lock_not_available or undefined_table or invalid_schema_name then
      select string_agg(h.holder, ', ' order by h.pid) as holders,
             string_agg(h.ends, ' ' order by h.pid)
               filter (where not h.is_autovacuum) as ends,
             coalesce(jsonb_agg(h.pid), '[]') as pids
        into v_other
        from ampsync_private.table_holders(v_target.oid) h
       where coalesce(h.pid, 0) = any (v_before); -- Not those who waited behind this call.
      return jsonb_build_object(
        'code', '55P03',
        'message', format('table %s is to be changed for a new schema, but is in use', v_target.name),
        'detail', coalesce(format('Used by %s.', v_other.holders), 'Whoever used it has ended meanwhile.'),
        'hint', coalesce(v_other.ends || ' -- Ends what uses it; retried automatically in any case.',
                         'Retried automatically: select * from ampsync.streams;'),
        'pids', v_other.pids);
    end;
    if v_target.oid::text <> v_target.name then -- Renamed before it was locked.
      return jsonb_build_object(
        'code', '55P03',
        'message', format('table %s was renamed while it was about to be changed', v_target.name),
        'detail', format('It is %s now.', v_target.oid),
        'hint', 'Retried automatically: select * from ampsync.streams;');
    end if;
  end loop;
  return null;
end;
$$;

comment on function ampsync_private.lock_for_change(regclass[], integer)
  is 'Lock targets that are to be changed, within 300 ms; otherwise returns what is in the way.';
