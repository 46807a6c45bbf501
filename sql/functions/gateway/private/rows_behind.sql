-- Whether captured transactions above a position, up to another one, are more than a client is to be sent
-- (is_too_large), or so many entries that counting them would be work. Reads on until it is decided, and no rows.
--
-- p_upto  null: the head
create or replace function ampsync_private.rows_behind(
  p_position bigint,
  p_upto     bigint default null
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upto    bigint := coalesce(p_upto, ampsync_private.log_head());
  v_changes bigint := 0;
  v_bytes   bigint := 0;
  v_entry   record;
begin
  if v_upto - p_position > 200000 then
    return true;
  end if;
  for v_entry in
    select t.changes, t.bytes
      from ampsync_private.change_tx t
     where t.position > p_position
       and t.position <= v_upto
       and t.kind = 'rows'
     order by t.position
  loop
    v_changes := v_changes + v_entry.changes;
    v_bytes := v_bytes + v_entry.bytes;
    if ampsync_private.is_too_large(v_changes, v_bytes) then
      return true;
    end if;
  end loop;
  return false;
end;
$$;

comment on function ampsync_private.rows_behind(bigint, bigint)
  is 'Whether captured transactions above a position are more than a client is to be sent.';
