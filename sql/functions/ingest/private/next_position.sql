-- What the first request of the next run is made from: a token that the last answer named; what was
-- read last where nothing before the end ever changes, that is by pages the last one that had records,
-- which may not be full yet; otherwise null, as every run begins.
create or replace function ampsync_private.next_position(
  p_part   ampsync_private.part,
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := p_source -> 'pages' ->> 'type';
begin
  return case when v_type = 'cursor' and p_part.position is not null then p_part.position
              when not (p_source ->> 'append_only')::boolean then null
              when v_type in ('cursor', 'link', 'page') then p_part.previous
              when v_type in ('offset', 'after') then p_part.position end;
end;
$$;

comment on function ampsync_private.next_position(ampsync_private.part, jsonb)
  is 'What the first request of the next run of a part is made from.';
