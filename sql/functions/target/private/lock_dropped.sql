-- Locks tables that are to be dropped, where they are several. Somebody who reads two of them may have one and wait
-- for the other: so nothing is kept here while a lock is waited for, which is 300 ms at most. After ten attempts,
-- about 4 s, it is given up without an error: release_targets then waits for one table after the other, and says who
-- is in the way.
--
-- Locks: these tables (access exclusive).
create or replace function ampsync_private.lock_dropped(p_tables regclass[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_table regclass;
  v_name  text;
begin
  if cardinality(p_tables) < 2 then
    return;
  end if;
  foreach v_table in array p_tables loop
    call ampsync_private.check_may_drop(v_table);
  end loop;

  for v_attempt in 1..10 loop
    begin
      for v_name in
        select format('%I.%I', n.nspname, c.relname) -- Of a dropped one a regclass is a number.
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where c.oid = any (p_tables)
         order by c.oid
      loop
        execute format('lock table %s in access exclusive mode', v_name);
      end loop;
      return;
    exception
      when lock_not_available or undefined_table or invalid_schema_name then -- In use, or just renamed.
        perform pg_sleep(0.1);
    end;
  end loop;
end;
$$;

comment on function ampsync_private.lock_dropped(regclass[])
  is 'Lock tables that are to be dropped, without keeping one while another one is waited for.';
