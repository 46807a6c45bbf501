-- The columns of the primary key of a target, by the identity of its stream.
create or replace function ampsync_private.key_columns(
  p_identity text
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case p_identity when 'content' then '{_id}'::text[] when 'transaction' then '{_tx_id,_row_index}' end;
$$;

comment on function ampsync_private.key_columns(text)
  is 'The columns of the primary key of a target.';
