-- The hash that a stream itself holds for one block: from its history, or from
-- its rows of that block where they carry the hash (`block_hash`, or `hash` in a
-- table that also has `parent_hash`). Null where it holds none.
--
-- Never looked up in another stream's table, which may already be on a new fork.
create or replace function ampsync_private.own_hash(
  p_stream_id bigint,
  p_block     bigint
)
  returns bytea
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_stream record;
  v_column text;
  v_hash   bytea;
begin
  select h.hash into v_hash
    from ampsync_private.history h
   where h.stream_id = p_stream_id
     and h.last_block = p_block;

  if v_hash is not null then
    return v_hash;
  end if;

  select s.target, s.exact, array_agg(c.value ->> 'name') as names into v_stream
    from ampsync_private.stream s
   cross join jsonb_array_elements(s.columns) c
   where s.stream_id = p_stream_id
     and c.value ->> 'type' = 'bytea'
   group by s.stream_id;

  v_column := case
    when 'block_hash' = any(v_stream.names) then 'block_hash'
    when v_stream.names @> '{hash,parent_hash}' then 'hash'
  end;

  if v_column is null or not v_stream.exact then
    return null;
  end if;

  execute format('select t.%I from %s t where t._id >= $1 and t._id < $2 limit 1', v_column, v_stream.target)
     into v_hash
    using ampsync_private.block_prefix(p_block), ampsync_private.block_prefix(p_block + 1);

  return case when octet_length(v_hash) = 32 then v_hash end;
end;
$$;

comment on function ampsync_private.own_hash(bigint, bigint)
  is 'The hash of a block as this stream''s own history or rows hold it; null if they do not.';
