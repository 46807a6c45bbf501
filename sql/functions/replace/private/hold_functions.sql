-- Keeps the functions that function_steps will define anew as they are until this transaction ends: what
-- somebody changes in between would be taken back. PostgreSQL has no lock for a function, so each is altered
-- without a change: whoever alters it too waits, and then fails (`tuple concurrently updated`). The setting is
-- one that no function has.
--
-- 55P03 if somebody is changing one, and has not committed within the caller's lock_timeout, or just did: the
-- caller's transaction is to be repeated after a pause. Functions of roles whose rights we lack are left alone,
-- since nothing that they use is replaced (SY201).
--
-- Locks: rows of pg_proc, in the order of their OIDs.
create or replace function ampsync_private.hold_functions(
  p_tables regclass[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_routine regprocedure;
  v_error   text;
begin
  for v_routine in
    select distinct p.oid
      from unnest(p_tables) t(oid)
     cross join lateral ampsync_private.dependents(t.oid) d
      join pg_proc p on d.class_id = 'pg_proc'::regclass and p.oid = d.object_id
     where p.prokind in ('f', 'p')
       and pg_has_role(p.proowner, 'usage')
     order by p.oid
  loop
    execute format('alter routine %s reset trace_notify', v_routine);
  end loop;
exception
  when internal_error or undefined_function then -- Changed, or dropped, while this call waited.
    get stacked diagnostics v_error = message_text;
    raise exception using
      errcode = '55P03',
      message = format('somebody changes function %s at the same moment', v_routine),
      detail  = v_error,
      hint    = 'Do the same again.';
end;
$$;

comment on function ampsync_private.hold_functions(regclass[])
  is 'Keep functions in standard SQL that use these tables from being changed until the transaction ends.';
