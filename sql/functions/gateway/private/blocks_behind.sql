-- Whether the blocks of a table that may differ since a position hold more rows than a client is to be sent
-- (frame_limits), their bytes as far as the table's size tells, where values take half the space of their texts. p_low:
-- blocks below it are not sent. Reads on until it is decided, and no rows.
create or replace function ampsync_private.blocks_behind(
  p_published_id integer,
  p_position     bigint,
  p_low          bigint
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit record := ampsync_private.frame_limits();
  v_most  bigint;
  v_rows  bigint := 0;
  v_block record;
begin
  if ampsync_private.log_head() - p_position > 200000 then
    return true;
  end if;
  v_most := (select least(v_limit.changes,
                          v_limit.bytes / 2 / greatest(1, pg_relation_size(c.oid) / greatest(c.reltuples, 1)))
               from ampsync_private.published p
               join pg_class c on c.oid = p.relation
              where p.published_id = p_published_id
                and c.reltuples > 0);
  for v_block in
    select b.rows
      from ampsync_private.change_block b
     where b.position > p_position
       and b.published_id = p_published_id
       and (p_low is null or b.last_block is null or b.last_block >= p_low)
     order by b.position
  loop
    v_rows := v_rows + v_block.rows;
    if v_rows > coalesce(v_most, v_limit.changes) then
      return true;
    end if;
  end loop;
  return false;
end;
$$;

comment on function ampsync_private.blocks_behind(integer, bigint, bigint)
  is 'Whether blocks of a table that may differ since a position are more than a client is to be sent.';
