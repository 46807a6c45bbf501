-- All shapes with their tables, as client_tables has them, the rates of tenants, and by which value gateways see that
-- they have changed since: {"definitions", "shapes": […], "rates": {"<tenant>": bytes a second}}. Numbers of 64 bits
-- are texts; most_bytes of a shape is what one frame may bring of it.
create or replace function ampsync_worker.shape_definitions()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
           'definitions', ampsync_private.definitions_stamp(),
           'rates', (select coalesce(jsonb_object_agg(l.tenant, l.bytes_per_s::text), '{}')
                       from ampsync_private.tenant_limit l where l.bytes_per_s is not null),
           'shapes', coalesce(jsonb_agg(to_jsonb(c) - '{table_name}'::text[] || jsonb_build_object(
                                'table', c.table_name,
                                'keep_blocks', c.keep_blocks::text,
                                'most_bytes', l.bytes::integer,
                                'low', c.low::text,
                                'floor', c.floor::text,
                                'stream_id', c.stream_id::text)
                              order by c.shape_id), '[]'))
    from ampsync_private.client_tables() c
   cross join ampsync_private.frame_limits() l;
$$;

comment on function ampsync_worker.shape_definitions()
  is 'All shapes with their tables, and by which value gateways see that they have changed since.';
