-- Whether a source has read a page since it began, or was restarted: then a position is stored.
create or replace function ampsync_private.has_position(
  p_stream_id bigint
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select 1
                   from ampsync_private.part p
                  where p.stream_id = p_stream_id
                    and (p.pages > 0 or p.run > 1 or p.position is not null or p.high is not null));
$$;

comment on function ampsync_private.has_position(bigint)
  is 'Whether a source has read a page since it began, or was restarted.';
