-- The column in which a stream's rows carry the hash of their block: `block_hash`, or `hash` in
-- a table that also has `parent_hash`. Null if there is none, or if a row does not know its own
-- block; and if the name misleads, as in a table of uncles: no row of a watermark's block has
-- the hash of that watermark. If no watermark's block has rows, the name decides.
create or replace function ampsync_private.hash_column(
  p_stream_id bigint
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_column   text := ampsync_private.named_hash_column(p_stream_id);
  v_target   regclass;
  v_identity text;
  v_is_hash  boolean;
begin
  if v_column is null or not ampsync_private.hold_target(p_stream_id) then -- Somebody dropped the table.
    return null;
  end if;
  select s.target, s.identity into v_target, v_identity
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  execute format(
    $sql$
    with mark as not materialized (
      select r.hash = h.hash as is_equal
        from ampsync_private.history h
       cross join lateral (
          select t.%I as hash
            from %s t
           where %s
           limit 1) r
       where h.stream_id = $1
    )
    select exists (select 1 from mark m where m.is_equal) or not exists (select 1 from mark m)
    $sql$, v_column, v_target, ampsync_private.in_blocks(v_identity, 'h.last_block', 'h.last_block + 1'))
     into v_is_hash
    using p_stream_id;
  return case when v_is_hash then v_column end;
end;
$$;

comment on function ampsync_private.hash_column(bigint)
  is 'The column of a stream''s target that holds the hash of the row''s block; null if none does.';
