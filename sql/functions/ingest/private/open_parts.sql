-- The parts of a source that have not ended, the oldest first, as begin_ingest returns them.
create or replace function ampsync_private.open_parts(
  p_stream_id bigint
)
  returns jsonb
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(o.part order by o.part_no), '[]')
    from (select p.part_no, jsonb_build_object(
                   'part', p.part_no::text, 'since', p.since::text, 'until', p.until::text,
                   'position', p.position, 'previous', p.previous,
                   'position_age_s', extract(epoch from ampsync_private.now() - p.position_at),
                   'begun', trunc(extract(epoch from p.begun_at) * 1000000)::text,
                   'pages', p.pages::text, 'empty_pages', p.empty_pages) as part
            from ampsync_private.part p
           where p.stream_id = p_stream_id
             and not p.done
           order by p.part_no
           limit 100) o;
$$;

comment on function ampsync_private.open_parts(bigint)
  is 'The parts of a source that have not ended.';
