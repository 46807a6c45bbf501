-- The column that finds the rows of a block in a target, in the order of the blocks, by the
-- identity of its stream: `_id`, which begins with the block; under identity `transaction`
-- `_block_num_end`, which has an index from the beginning.
create or replace function ampsync_private.block_key(
  p_identity text,
  p_alias    text default 't'
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_alias || case p_identity when 'content' then '._id' when 'transaction' then '._block_num_end' end;
end;
$$;

comment on function ampsync_private.block_key(text, text)
  is 'The column that finds the rows of a block in a target.';
