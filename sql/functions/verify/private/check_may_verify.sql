-- Refuses to check a table for a caller of ampsync.verify who may neither read it nor call ampsync.repair.
-- Rows of a table with the hashes of its blocks are compared with those of each table that has the chain of
-- hashes, by its name, which he has to be allowed to read as well.
create or replace function ampsync_private.check_may_verify(
  p_stream_id bigint
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller name := ampsync_private.caller();
  v_closed regclass;
begin
  if exists (select from pg_proc p
              where p.proname = 'repair' and p.pronamespace = 'ampsync'::regnamespace
                and has_function_privilege(v_caller, p.oid, 'execute')) then
    return;
  end if;

  select r.target into v_closed
    from ampsync_private.stream s
    join ampsync_private.stream r
      on r.stream_id = s.stream_id
         or r.dataset_id = s.dataset_id and r.network = s.network and r.shadow_of is null
            and ampsync_private.named_hash_column(s.stream_id) = 'block_hash'
            and ampsync_private.named_hash_column(r.stream_id) = 'hash'
   where s.stream_id = p_stream_id
     and not has_table_privilege(v_caller, r.target, 'select') -- Null for a table that is gone.
   order by r.stream_id <> s.stream_id, r.stream_id
   limit 1;
  if found then
    raise exception using
      errcode = '42501',
      message = format('table %s may not be read by role %s', v_closed, v_caller),
      detail  = 'verify reads rows with the rights of its owner, for callers who may read them themselves.',
      hint    = format('grant select on table %s to %I;', v_closed, v_caller);
  end if;
end;
$$;

comment on function ampsync_private.check_may_verify(bigint)
  is 'Raise 42501 unless the caller of ampsync.verify may read all tables that the check of one reads.';
