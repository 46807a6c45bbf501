-- Rejects a from_block that is not the number of a block, before anything is stored.
create or replace function ampsync_private.check_from_block(
  p_dataset    text,
  p_from_block bigint
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_from_block not between 0 and 281474976710654 then -- Below 2^48 - 1: see block_prefix.
    raise exception using
      errcode = 'SY004',
      message = format('from_block => %s is not the number of a block', p_from_block),
      detail  = 'Rows of lower blocks are not loaded. 0 loads all.',
      hint    = format('select ampsync.enqueue_sync(%L, from_block => 0);', p_dataset);
  end if;
end;
$$;

comment on function ampsync_private.check_from_block(text, bigint)
  is 'Raise SY004 for a from_block that is not the number of a block.';
