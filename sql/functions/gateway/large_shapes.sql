-- Which of these shapes of rows cannot be followed from one position of the log to another in one frame: those whose
-- tables have changes there, where all changes of the tables of these shapes together are more than a frame may bring
-- (is_too_large); none where they are not. Clients load these tables anew, together.
--
-- Where the transactions are small as a whole no row is read; else rows are, until it is decided.
create or replace function ampsync_worker.large_shapes(
  p_shapes integer[],
  p_after  bigint,
  p_upto   bigint
)
  returns integer[]
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_tables integer[] := array(select distinct s.published_id
                                from ampsync_private.shape s
                               where s.shape_id = any (p_shapes));
  v_changes bigint := 0;
  v_bytes   bigint := 0;
  v_row     record;
begin
  if not ampsync_private.rows_behind(p_after, p_upto) then
    return '{}';
  end if;
  for v_row in
    select coalesce(octet_length(c.data::text), 0) + coalesce(octet_length(c.key), 0) as bytes
      from ampsync_private.change_tx t
      join ampsync_private.change c using (tx_id)
     where t.position > p_after
       and t.position <= p_upto
       and t.kind = 'rows'
       and c.published_id + 0 = any (v_tables) -- By the index of the entry, see judge_changes.
  loop
    v_changes := v_changes + 1;
    v_bytes := v_bytes + v_row.bytes;
    if ampsync_private.is_too_large(v_changes, v_bytes) then
      return array(
        select s.shape_id
          from ampsync_private.shape s
         where s.shape_id = any (p_shapes)
           and s.published_id in (select c.published_id
                                    from ampsync_private.change_tx t
                                    join ampsync_private.change c using (tx_id)
                                   where t.position > p_after
                                     and t.position <= p_upto
                                     and t.kind = 'rows')
         order by s.shape_id);
    end if;
  end loop;
  return '{}';
end;
$$;

comment on function ampsync_worker.large_shapes(integer[], bigint, bigint)
  is 'Which of these shapes cannot be followed from one position of the log to another in one frame.';
