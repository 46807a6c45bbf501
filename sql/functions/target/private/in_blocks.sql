-- The condition that a row of a target belongs to the blocks from one on and below another, in
-- the form that the index of its block_key serves.
--
-- p_from, p_below: expressions of type bigint. Null: no bound
create or replace function ampsync_private.in_blocks(
  p_identity text,
  p_from     text,
  p_below    text,
  p_alias    text default 't'
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key   text := ampsync_private.block_key(p_identity, p_alias);
  v_bound text := case p_identity when 'content' then 'ampsync_private.block_prefix(%s)'
                                  when 'transaction' then '%s' end;
begin
  return concat_ws(' and ', v_key || ' >= ' || replace(v_bound, '%s', p_from),
                            v_key || ' < ' || replace(v_bound, '%s', p_below));
end;
$$;

comment on function ampsync_private.in_blocks(text, text, text, text)
  is 'The condition that a row of a target belongs to a range of blocks.';
