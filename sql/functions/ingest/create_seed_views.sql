-- Makes two views in the schema of an HTTP source's table: `cursor_state`, one row per part with what its
-- next request is made from, the records that its run has brought, and when it moved; and
-- `staging_<source>`, the records that a commit has copied and not stored yet, with the columns of the
-- table. For programs that know such tables; ampsync itself reads neither.
--
-- dataset: the source, as it was enqueued
--
-- Runs with its owner's rights; its caller must have the right to create tables in that schema himself
-- (42501). SY003 where something else has the name of one of them, also such a view of another source.
-- Idempotent. Returns their names.
--
-- Locks: dataset row; the views.
create or replace function ampsync.create_seed_views(
  dataset text
)
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref    record := ampsync_private.parse_reference(create_seed_views.dataset);
  v_stream record;
  v_view   record;
  v_made   text;  -- The comment by which its views are known.
  v_found  text;
begin
  select s.stream_id, s.target_schema, d.label, d.name, ampsync_private.full_source(d.definition) as source
    into v_stream
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
   where (d.namespace, d.name, d.kind) = (v_ref.namespace, v_ref.name, 'http')
     and v_ref.revision is null;
  if not found then
    raise exception using
      errcode = 'SY003',
      message = format('%s is no HTTP source', create_seed_views.dataset),
      detail  = 'Only the table of an HTTP source has staging and positions to show.',
      hint    = 'select * from ampsync.status;';
  end if;
  if to_regnamespace(quote_ident(v_stream.target_schema)) is null then
    raise exception using
      errcode = 'SY003',
      message = format('the schema %I of %s does not exist yet', v_stream.target_schema, v_stream.label),
      detail  = 'The first pass makes it, with the table.',
      hint    = format('select * from ampsync.streams where dataset = %L;', v_stream.label);
  end if;
  call ampsync_private.check_may_create(v_stream.target_schema);
  v_made := format('Made by ampsync.create_seed_views for %s.', v_stream.label);

  for v_view in
    select format('%I.%I', v_stream.target_schema, q.name) as name, q.name as view_name, q.query
      from (values ('cursor_state', ampsync_private.cursor_query(v_stream.stream_id)),
                   ('staging_' || v_stream.name,
                    ampsync_private.staging_query(v_stream.label, v_stream.source))) q(name, query)
  loop
    v_found := obj_description(to_regclass(v_view.name), 'pg_class');
    if to_regclass(v_view.name) is not null and v_found is distinct from v_made then
      raise exception using
        errcode = 'SY003',
        message = format('%s exists and was not made for %s', v_view.name, v_stream.label),
        detail  = concat_ws(' ', 'Nothing was changed.', 'Its comment: ' || left(v_found, 200)),
        hint    = format('alter table %s rename to %I;', v_view.name,
                         ampsync_private.free_name(v_stream.target_schema, v_view.view_name));
    end if;
    execute format('drop view if exists %s', v_view.name);
    execute format('create view %s as %s', v_view.name, v_view.query);
    execute format('comment on view %s is %L', v_view.name, v_made);
    perform ampsync_private.open_to_readers(v_view.name);
    return next v_view.name;
  end loop;
end;
$$;

comment on function ampsync.create_seed_views(text)
  is 'Make views of a source''s positions and of its staging, beside its table; returns their names.';
