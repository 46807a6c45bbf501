-- The pages with records of a commit, as lists in the order of their records: the first record of each,
-- its part, its number, whether it was read before, and whether its fields are looked at. Where a
-- column has the whole record no field is lost, and one page in 100 is looked at.
create or replace function ampsync_private.page_lists(
  in  p_stream ampsync_private.stream,
  in  p_parts  jsonb,
  out firsts   integer[],
  out parts    bigint[],
  out numbers  bigint[],
  out again    boolean[],
  out looked   boolean[]
)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array_agg(g.first order by g.first), array_agg(m.part order by g.first), array_agg(g.page order by g.first),
         array_agg(coalesce(g.again, false) order by g.first),
         array_agg(w.columns is null or g.page % 100 = 1 order by g.first)
    from jsonb_to_recordset(p_parts) m(part bigint, pages jsonb)
   cross join jsonb_to_recordset(m.pages) g(page bigint, first integer, records integer, again boolean)
    left join (select p_stream.columns) w(columns) on w.columns @> '[{"from": ""}]'
   where g.records > 0;
$$;

comment on function ampsync_private.page_lists(ampsync_private.stream, jsonb)
  is 'The pages with records of a commit, as lists in the order of their records.';
