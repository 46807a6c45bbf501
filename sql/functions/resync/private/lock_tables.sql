-- Locks targets that are about to be replaced, and what reads them (lock_replacement), all or
-- none. Whoever waits behind our requests waits 300 ms at most: then all locks are returned, and
-- after a pause it is tried again, for about 10 s in all; every fourth time for long enough that
-- autovacuum gives way. Then 55P03, with who is in the way.
--
-- p_others  tables that only ampsync uses: the sources of the new rows, and what is to be dropped.
--           Nobody is held up by a wait for them
--
-- Locks: the other tables, then as lock_replacement (access exclusive).
create or replace function ampsync_private.lock_tables(
  p_targets regclass[],
  p_others  regclass[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_table   text;
  v_waits   jsonb;
  v_holders text;
  v_ends    text;
begin
  for v_table in
    select format('%I.%I', n.nspname, c.relname) -- Of a dropped one a regclass is a number.
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = any (p_others)
     order by c.oid
  loop
    execute format('lock table %s in access exclusive mode', v_table);
  end loop;

  for v_attempt in 1..10 loop
    exit when p_targets = '{}';
    begin
      if v_attempt % 4 = 0 then
        v_waits := ampsync_private.lock_for_change(p_targets, v_attempt);
        if v_waits is not null then
          raise exception using
            errcode = v_waits ->> 'code', message = v_waits ->> 'message', detail = v_waits ->> 'detail',
            hint = v_waits ->> 'hint';
        end if;
      end if;
      perform ampsync_private.lock_replacement(p_targets || p_others);
      return;
    exception
      when lock_not_available or undefined_table or invalid_schema_name then -- In use, or just renamed.
        if v_attempt = 10 then
          select string_agg(distinct h.holder, ', '), string_agg(distinct h.ends, ' ') into v_holders, v_ends
            from unnest(p_targets) t(target)
           cross join lateral ampsync_private.table_holders(t.target) h;
          raise exception using
            errcode = '55P03',
            message = format('a table that is to be replaced is in use: %s', array_to_string(p_targets, ', ')),
            detail  = coalesce(format('Used by %s.', v_holders), 'Whoever used it has ended meanwhile.'),
            hint    = coalesce(v_ends || ' -- Ends what uses it; retried automatically in any case.',
                               'select * from ampsync.streams; -- Retried automatically.');
        end if;
        perform pg_sleep(least(v_attempt, 5) * 0.2);
    end;
  end loop;
end;
$$;

comment on function ampsync_private.lock_tables(regclass[], regclass[])
  is 'Lock targets that are to be replaced, all or none, without holding up others for long; 55P03 after about 10 s.';
