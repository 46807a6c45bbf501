-- The shapes that a client asks for, in its order: which each is, its instances by the claims of the token, and the
-- definition that they make together with the form of the table in clients: with another one it is loaded anew. error:
-- why it cannot have the shape, with `ends` where there is no such shape or instance for it: what it has of it goes.
-- loads: its load is under way.
create or replace function ampsync_private.wished_shapes(
  p_claims jsonb,
  p_shapes jsonb
)
  returns table (
    n bigint, id text, name text, shape_id integer, published_id integer, low bigint, keys text[], definition text,
    given text, forced text, loads boolean, error jsonb
  )
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_wish      record;
  v_shape     ampsync_private.shape;
  v_published ampsync_private.published;
  v_columns   jsonb;
  v_detail    text;
  v_hint      text;
begin
  for v_wish in
    select w.wish, w.place from jsonb_array_elements(p_shapes) with ordinality w(wish, place) order by w.place
  loop
    n := v_wish.place;
    id := v_wish.wish ->> 'id';
    name := v_wish.wish ->> 'shape';
    given := v_wish.wish ->> 'definition';
    forced := v_wish.wish ->> 'load';
    loads := coalesce((v_wish.wish -> 'loads')::boolean, false);
    keys := null;
    definition := null;
    error := null;
    select * into v_shape from ampsync_private.shape s where s.name = v_wish.wish ->> 'shape';
    shape_id := v_shape.shape_id;
    published_id := v_shape.published_id;
    low := v_shape.low;
    if v_shape.shape_id is null then
      error := jsonb_build_object(
        'code', 'SY413', 'message', format('there is no shape %s', left(name, 100)),
        'hint', 'select name from ampsync.shapes;', 'ends', true);
    else
      select * into v_published from ampsync_private.published p where p.published_id = v_shape.published_id;
      v_columns := ampsync_private.present_columns(v_published);
      error := coalesce(ampsync_private.shape_error(v_shape, v_published),
                        case when v_columns <> v_published.columns
                               then ampsync_private.shape_error(v_shape, v_published, v_columns) end);
    end if;
    if error is null then
      begin
        keys := ampsync_private.shape_keys(v_shape, v_columns, p_claims, coalesce(v_wish.wish -> 'params', '{}'));
        definition := format('%s-%s', ampsync_private.form_definition(v_shape, v_published, v_columns),
                             left(md5(keys::text), 12));
      exception
        when sqlstate 'SY413' then
          get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
          error := jsonb_build_object('code', 'SY413', 'message', sqlerrm, 'detail', v_detail, 'hint', v_hint,
                                      'ends', true);
      end;
    end if;
    return next;
  end loop;
end;
$$;

comment on function ampsync_private.wished_shapes(jsonb, jsonb)
  is 'The shapes that a client asks for: which each is, its instances, and why it cannot have one.';
