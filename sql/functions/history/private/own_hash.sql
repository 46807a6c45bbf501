-- The hash that a stream itself holds for one block: from its history, or from its rows of that
-- block if they carry the hash (hash_column). Null if it holds none.
--
-- Never looked up in the table of another stream, which may already be on a new fork.
create or replace function ampsync_private.own_hash(
  p_stream_id bigint,
  p_block     bigint
)
  returns bytea
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select h.hash
       from ampsync_private.history h
      where h.stream_id = p_stream_id
        and h.last_block = p_block),
    ampsync_private.hash_in_rows(p_stream_id, ampsync_private.hash_column(p_stream_id), p_block));
$$;

comment on function ampsync_private.own_hash(bigint, bigint)
  is 'The hash of a block in this stream''s own history or rows; null if it is in neither.';
