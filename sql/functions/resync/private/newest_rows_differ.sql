-- Whether a stream and its shadow have other rows in the newest block, up to the checkpoint of
-- the shadow, that has rows in either: with identity `transaction`, whose keys cannot be
-- compared, so the values are. Without `_block_num` false, because the borders of microbatches
-- differ on the same chain too; so if their columns do.
create or replace function ampsync_private.newest_rows_differ(
  p_live   ampsync_private.stream,
  p_shadow ampsync_private.stream
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_columns text;
  v_differ  boolean;
begin
  if not (p_live.has_block_num and p_shadow.has_block_num)
     or jsonb_path_query_array(p_live.columns, '$[*].name')
        <> jsonb_path_query_array(p_shadow.columns, '$[*].name') then
    return false;
  end if;

  select string_agg(format('t.%I', c.value ->> 'name'), ', ' order by c.ordinality) into strict v_columns
    from jsonb_array_elements(p_live.columns) with ordinality c;
  execute format(
    $sql$
    with newest as (
      select greatest((select max(t._block_num_end) from %1$s t where %3$s),
                      (select max(t._block_num_end) from %2$s t where %3$s)) as block
    )
    select (select array_agg(row(%4$s)::text order by row(%4$s)::text) from %1$s t where t._block_num_end = n.block)
           is distinct from
           (select array_agg(row(%4$s)::text order by row(%4$s)::text) from %2$s t where t._block_num_end = n.block)
      from newest n
    $sql$, p_live.target, p_shadow.target, ampsync_private.in_blocks('transaction', '$1', '$2'), v_columns)
     into v_differ
    using greatest(p_live.from_block, p_shadow.from_block), p_shadow.checkpoint_block + 1; -- What both load.
  return v_differ;
end;
$$;

comment on function ampsync_private.newest_rows_differ(ampsync_private.stream, ampsync_private.stream)
  is 'Whether a stream of identity transaction and its shadow have other rows in their newest block.';
