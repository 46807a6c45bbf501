-- What clients of shapes have: the table of each, and what of it is read how. A row for each shape that is there, in
-- the caller's snapshot.
--
-- state, error  live, or failed and why (shape_error)
-- bound         the bound columns, in the order of the parts of a key
-- low           where the window begins
-- floor         of the table; null: it is not live yet
-- block_column  of a dataset's table: by which clients delete blocks; `_id` begins with the block
-- columns, types  what rows, COPY and sums hold, in that order: generated columns are not among them
-- ddl           statements that make the table; table_definition their hash
-- row_type      what stands behind `as r` of shape_rows
--
-- p_shapes  null: all
create or replace function ampsync_private.client_tables(
  p_shapes integer[] default null
)
  returns table (
    shape_id integer, name text, definition text, state text, error jsonb, public boolean, bind jsonb, bound text[],
    keep_blocks bigint, low bigint, published_id integer, mode text, published_state text, floor bigint,
    stream_id bigint, dataset text, block_column text, table_name text, columns text[], types text[], key text[],
    ddl text[], table_definition text, row_type text
  )
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.shape_id, s.name, s.definition, case when e.error is null then 'live' else 'failed' end, e.error, s.public,
         s.bind, ampsync_private.bound_columns(s.bind), s.keep_blocks, s.low, p.published_id, p.mode, p.state, p.floor,
         p.stream_id, d.label,
         case when p.mode = 'blocks' then split_part(ampsync_private.block_key(t.identity, ''), '.', 2) end,
         format('%I.%I', p.schema_name, p.table_name), v.columns, v.types,
         array(select k.name from ampsync_private.key_columns(p, c.columns) k order by k.n),
         l.ddl, md5(l.ddl::text), v.row_type
    from ampsync_private.shape s
    join ampsync_private.published p using (published_id)
    left join ampsync_private.stream t using (stream_id)
    left join ampsync_private.dataset d using (dataset_id)
   cross join lateral ampsync_private.present_columns(p) c(columns)
   cross join lateral ampsync_private.shape_error(s, p) e(error)
   cross join lateral ampsync_private.client_table_sql(s, p, c.columns) l(ddl)
   cross join lateral (
     select array_agg(n.name order by n.n) as columns, array_agg(n.client_type order by n.n) as types,
            'key text, ' || string_agg(format('%I %s', 'c' || n.n, n.client_type), ', ' order by n.n) as row_type
       from ampsync_private.shape_columns(s, c.columns) n
      where n.generated is null) v
   where p_shapes is null
      or s.shape_id = any (p_shapes)
   order by s.shape_id;
$$;

comment on function ampsync_private.client_tables(integer[])
  is 'What clients of shapes have: the table of each, and what of it is read how.';
