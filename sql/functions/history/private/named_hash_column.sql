-- The column of a stream that, by its name, holds the hash of the row's block; see hash_column.
create or replace function ampsync_private.named_hash_column(
  p_stream_id bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when c.names @> '{block_hash}' then 'block_hash'
              when c.names @> '{hash,parent_hash}' then 'hash' end
    from ampsync_private.stream s
   cross join lateral (
      select array_agg(e.value ->> 'name') as names
        from jsonb_array_elements(s.columns) e
       where e.value ->> 'type' = 'bytea'
    ) c
   where s.stream_id = p_stream_id
     and s.has_block_num
     and s.query is null; -- What a query calls so may be anything.
$$;

comment on function ampsync_private.named_hash_column(bigint)
  is 'The column of a stream''s target that, by its name, holds the hash of the row''s block.';
