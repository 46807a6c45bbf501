-- The block of a row of a target, as an expression that reads nothing but its block_key.
create or replace function ampsync_private.row_block(
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
  return format(case p_identity when 'content' then 'ampsync_private.block_of(%s)' when 'transaction' then '%s' end,
                ampsync_private.block_key(p_identity, p_alias));
end;
$$;

comment on function ampsync_private.row_block(text, text)
  is 'The block of a row of a target, as an expression.';
