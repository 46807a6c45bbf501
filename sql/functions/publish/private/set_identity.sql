-- Gives a table, and each of its partitions, the replica identity that publishing it needs where it
-- has another one (identity_misfits). Returns those that it found there, by OID: {"16400": "d"};
-- null: nothing was changed. An identity is never weakened, but where it makes UPDATE and DELETE fail.
--
-- Locks: none; the caller holds the tables (lock_to_publish).
create or replace function ampsync_private.set_identity(
  p_relation regclass,
  p_identity text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table  regclass;
  v_before jsonb;
begin
  for v_table in
    select t.relation from ampsync_private.identity_misfits(p_relation, p_identity) t(relation)
  loop
    v_before := coalesce(v_before, '{}')
                || jsonb_build_object(v_table::oid::text, ampsync_private.identity_of(v_table));
    execute format('alter table only %s replica identity %s', v_table,
                   case p_identity when 'full' then 'full' else 'default' end);
  end loop;
  return v_before;
end;
$$;

comment on function ampsync_private.set_identity(regclass, text)
  is 'Give a table the replica identity that publishing needs; returns what was there.';
